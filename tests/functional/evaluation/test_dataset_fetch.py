"""Datasets of the Hub: fetched in a process of their own, kept, or refused with one sentence."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptb_lite.catalog import BenchmarkEntry, load_catalog
from ptb_lite.catalog.entries import DataPart
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.rows import (
    DataMissingError,
    check_data,
    kept_file,
    load_rows,
    part_file,
    read_rows,
)

ROWS = [{"question": f"{n}?", "answer": f"#### {n}"} for n in range(5)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "cache"


class _Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hub does for a gated dataset (403) or a broken server (500)."""

    status = 403

    def do_GET(self) -> None:
        self.send_response(self.status)
        if self.status == 403:
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("X-Error-Message", "Access to dataset is restricted")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Hub]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    # The client reads it when it is imported.
    monkeypatch.setattr(
        "huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}"
    )
    for name in (
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    try:
        yield _Hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _fetch(part: dict[str, object], target: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "ptb_lite.evaluation.items.fetch"],
        input=json.dumps({"part": part, "target": str(target)}).encode(),
        capture_output=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("file", [None, "test.jsonl"])
def test_a_table_is_written_as_json_lines(tmp_path: Path, file: str | None) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    part = {
        "hub_id": str(source),
        "config": None,
        "split": "test",
        "revision": "main",
        "file": file,
    }
    done = _fetch(part, tmp_path / "kept.jsonl")
    assert done.returncode == 0, done.stderr.decode()
    assert list(read_rows(tmp_path / "kept.jsonl")) == ROWS


def test_a_gated_dataset_names_page_and_variable(
    hub: type[_Hub], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = load_catalog().benchmark("gpqamain")
    expected = (
        "benchmark gpqamain: its dataset Idavidrein/gpqa needs a Hugging Face account that has "
        "accepted its terms. Accept them at https://huggingface.co/datasets/Idavidrein/gpqa and "
        "set HF_TOKEN to a token of that account"
    )
    with pytest.raises(DataMissingError) as without:
        check_data(entry, None)
    assert str(without.value) == expected
    # A token of somebody who has not accepted: only the Hub can tell.
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    check_data(entry, None)
    hub.status = 403
    with pytest.raises(DataMissingError) as refused:
        load_rows(entry, None)
    assert str(refused.value) == expected


def test_a_hub_out_of_reach_is_said_so(hub: type[_Hub]) -> None:
    hub.status = 404
    part = DataPart(hub_id="nobody/nothing", file="rows.jsonl", local="nothing/rows.jsonl")
    entry = load_catalog().benchmark("bfcl")
    with pytest.raises(DataMissingError, match="cannot be fetched") as error:
        part_file(entry, part, None)
    assert "--data-dir" in str(error.value)
    assert not kept_file(part).exists()


def test_what_was_fetched_is_not_fetched_again(hub: type[_Hub]) -> None:
    hub.status = 500
    entry = load_catalog().benchmark("humaneval")
    assert entry.data is not None
    kept = kept_file(entry.data.test)
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(ROWS[0]) + "\n")
    assert load_rows(entry, None).test == (ROWS[0],)


def _entry() -> BenchmarkEntry:
    return load_catalog().benchmark("bfcl")


def test_a_folder_without_the_file_says_which(tmp_path: Path) -> None:
    for call in (load_rows, check_data):
        with pytest.raises(DataMissingError, match=r"bfcl/exec_simple\.jsonl is not there"):
            call(_entry(), tmp_path)


def test_answers_are_joined_by_their_id(tmp_path: Path) -> None:
    folder = tmp_path / "bfcl"
    folder.mkdir()
    (folder / "exec_simple.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    (folder / "exec_simple_answers.jsonl").write_text('{"id": "b", "x": 1}\n')
    found = load_rows(_entry(), tmp_path).test
    assert [row["answer_row"] for row in found] == [None, {"id": "b", "x": 1}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1 is not JSON"),
        (b"\n[1]", "line 2 is not a JSON object"),
        (b"\xff", "is not UTF-8 text"),
        (b"[" * 100_000, "line 1 is not JSON"),
    ],
)
def test_damaged_files_name_their_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    with pytest.raises(ItemsError, match=message):
        read_rows(path)

"""A run as one file: shown on another machine as here, and refused when a byte of it is another."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.report.text import report_text
from ptb_lite.runner.launch import resume
from ptb_lite.runs import archive
from ptb_lite.runs.archive import MANIFEST, export_run, import_run
from ptb_lite.runs.folder import RunFolder
from tests.unit.tui.folders import finished_run

RUN = "20260101-000000-aaaa"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """With what stays out: a link to a secret, a pipe, a key's note, weights in the workspace."""
    made = finished_run(tmp_path / "runs", RUN)
    made.workspace.mkdir()
    (made.workspace / "train.py").write_text("print(1)")
    (made.workspace / "big.bin").write_bytes(b"\0" * 5000)
    (tmp_path / "secret").write_text("hunter2")
    (made.workspace / "link").symlink_to(tmp_path / "secret")
    (made.workspace / "folder").symlink_to(tmp_path)
    os.mkfifo(made.workspace / "pipe")
    made.login.write_text("{}")
    made.lock.write_text("")
    return made


def test_another_machine_shows_what_this_one_shows(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "LARGEST", 4000)
    made = export_run(run, tmp_path / "run.zip")
    there, read = import_run(made.path, tmp_path / "other")
    assert (there.run_id, read.sha256, read.files) == (RUN, made.sha256, made.files)
    assert report_text(there) == report_text(run)
    assert sorted(path.name for path in there.workspace.iterdir()) == ["train.py"]
    assert not there.login.exists()
    assert {note.split(":")[0] for note in made.left_out} == {
        "workspace/big.bin", "workspace/link", "workspace/folder", "workspace/pipe"
    }  # fmt: skip
    packed = b"".join(path.read_bytes() for path in there.path.rglob("*") if path.is_file())
    assert b"hunter2" not in packed
    assert b"secret-salt" not in packed
    with pytest.raises(PtbLiteError, match="is there already"):
        import_run(made.path, tmp_path / "other")
    status = there.read_status().model_copy(update={"outcome": None})
    there.status.write_text(status.model_dump_json())
    with pytest.raises(PtbLiteError, match="another machine"):
        resume(there.path)


def _changed(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda files: files.update({name: content})


def _manifest(change: Callable[[dict[str, object]], object]) -> Callable[[dict[str, bytes]], None]:
    def act(files: dict[str, bytes]) -> None:
        found = json.loads(files[MANIFEST])
        change(found)
        files[MANIFEST] = json.dumps(found).encode()

    return act


def _moved(name: str) -> Callable[[dict[str, bytes]], None]:
    """A file under another name, in the manifest and beside it."""

    def act(files: dict[str, bytes]) -> None:
        files[name] = files.pop("scores.json")
        _manifest(lambda m: m["files"].update({name: m["files"].pop("scores.json")}))(files)  # type: ignore[attr-defined, index]

    return act


FAULTS = {
    "a byte": (_changed("scores.json", b"{}"), "scores.json was changed"),
    "one more file": (_changed("extra", b""), "extra is missing, twice, or not"),
    "one less": (lambda files: files.pop("audit.json"), "audit.json is missing"),
    "no manifest": (lambda files: files.pop(MANIFEST), "no manifest"),
    "above": (_moved("../scores.json"), "no name of a file"),
    "absolute": (_moved("/tmp/scores.json"), "no name of a file"),
    "backslash": (_moved("..\\scores.json"), "no name of a file"),
    "a lock": (_moved("runner.lock"), "no name of a file"),
    "a run elsewhere": (_manifest(lambda m: m.update(run_id="../../x")), "names no run"),
    "another run": (_manifest(lambda m: m.update(run_id="20260101-000000-bbbb")), "two runs"),
    "huge": (_manifest(lambda m: m["files"]["scores.json"].update(size=1 << 50)), "holds more"),  # type: ignore[index]
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_as_it_was_made_is_refused_and_leaves_nothing(
    run: RunFolder, tmp_path: Path, fault: str
) -> None:
    change, said = FAULTS[fault]
    made = export_run(run, tmp_path / "run.zip").path
    with zipfile.ZipFile(made) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    change(files)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    with pytest.raises(PtbLiteError, match=said):
        import_run(tmp_path / "bad.zip", tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []
    assert not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_half_a_file_and_no_zip_at_all(run: RunFolder, tmp_path: Path, cut: int) -> None:
    whole = export_run(run, tmp_path / "run.zip").path.read_bytes()
    (tmp_path / "bad.zip").write_bytes(whole[:cut])
    with pytest.raises(PtbLiteError, match="cannot be read as a run's archive"):
        import_run(tmp_path / "bad.zip", tmp_path / "other")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, None])
def test_what_is_packed_in_another_way(run: RunFolder, tmp_path: Path, method: int | None) -> None:
    """Another method, or (None) a password: what reads those has errors of its own."""
    made = export_run(run, tmp_path / "run.zip").path
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED if method is None else method)
    if method is None:
        raw = bytearray(bad.read_bytes())
        at = raw.find(b"PK\x01\x02")
        while at >= 0:
            raw[at + 8] |= 1  # the flags of an entry of the directory
            at = raw.find(b"PK\x01\x02", at + 1)
        bad.write_bytes(raw)
    with pytest.raises(PtbLiteError, match="not packed as an export packs it"):
        import_run(bad, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []

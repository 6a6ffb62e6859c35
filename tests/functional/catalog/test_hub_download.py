"""Models and data by the Hub's real client, before a Hub on loopback: commits, bytes, rests."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from ptb_lite.catalog import ModelEntry, load_catalog
from ptb_lite.catalog.hub.errors import HubError
from ptb_lite.catalog.hub.models import hub_model, is_cached
from ptb_lite.catalog.hub.parts import remove_stale
from ptb_lite.catalog.hub.revisions import held_commit
from ptb_lite.catalog.pins import known_pins, pin_catalog
from ptb_lite.evaluation.items.rows import DataMissingError, kept_file, part_file
from tests.functional.catalog.xet_store import xet_store
from tests.functional.runner.hub_server import COMMIT, Hub, hub_server
from tests.functional.runner.waiting import slowdown

MOVED = "f" * 40
CATALOG = load_catalog(Path("/nonexistent"))
GSM8K = CATALOG.benchmark("gsm8k")
SIZES = {"layers": 2, "hidden": 64, "vocabulary": 1000, "parameters": 64_000 + 20_000}
ENTRY = CATALOG.model("qwen3-0.6b-base").model_copy(update=SIZES)
NAME = str(ENTRY.hub_id)
ROWS = b'{"question": "How many?", "answer": "#### 1"}\n'


def weights(**shapes: list[int]) -> bytes:
    """A safetensors file of zeros in bf16."""
    header: dict[str, object] = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * shape[0] * shape[1]
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(end)


def model_files() -> dict[str, bytes]:
    names = {"model.embed_tokens.weight": [1000, 64], "model.layers.0.weight": [200, 100]}
    shape = {"num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 1000}
    return {
        "config.json": json.dumps({"model_type": "qwen3", **shape}).encode(),
        "tokenizer.json": b"{}",
        # The tied head once more, as Qwen's own checkpoints have it.
        "model.safetensors": weights(**names, **{"lm_head.weight": [1000, 64]}),
        "pytorch_model.bin": b"a pickle that nobody fetches",
    }


def weights_sent() -> bytes:
    return model_files()["model.safetensors"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    repositories = {
        ("models", NAME): model_files(),
        ("datasets", "openai/gsm8k"): {"main/test.jsonl": ROWS},
    }
    with hub_server(repositories) as server:
        for name, value in {
            "HF_HOME": tmp_path / "hf",
            "HF_ENDPOINT": server.url,
            "PTB_LITE_STATE": tmp_path / "state",
            "PTB_LITE_CACHE": tmp_path / "cache",
        }.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        yield server


def test_a_moved_main_changes_nothing_by_itself(hub: Hub, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = hub_model(ENTRY, on_bytes=lambda done, total: told.append((done, total)))
    assert folder.name == f"{ENTRY.id}-{COMMIT[:12]}"
    assert {path.name for path in folder.iterdir()} == set(model_files()) - {"pytorch_model.bin"}
    assert not any(path.is_symlink() for path in folder.iterdir())
    total = sum(len(body) for name, body in model_files().items() if not name.endswith(".bin"))
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert is_cached(ENTRY)

    hub.commit = MOVED
    shutil.rmtree(tmp_path / "hf")
    shutil.rmtree(tmp_path / "cache")
    hub.asked.clear()
    assert hub_model(ENTRY).name.endswith(COMMIT[:12])
    assert not any(MOVED in line or line.endswith("/main") for line in hub.asked)

    chosen = ENTRY.model_copy(update={"revision": MOVED})
    assert hub_model(chosen).name.endswith(MOVED[:12])
    assert held_commit(NAME) == COMMIT
    pins = known_pins(ENTRY, [])
    assert pins == {NAME: COMMIT}
    assert pin_catalog(CATALOG, {NAME: MOVED}).model(ENTRY.id).revision == MOVED


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": 596_049_920}, "84,000 parameters, not 596,049,920"),
        ({"model_type": "llama"}, "its kind is 'qwen3', not 'llama'"),
        ({"layers": 28}, "num_hidden_layers is 2, not 28"),
        ({"tied_embeddings": False}, "148,000 parameters, not 84,000"),
    ],
)
def test_a_stand_in_is_not_taken_for_the_model(change: dict[str, object], said: str) -> None:
    with pytest.raises(HubError, match=said):
        hub_model(ENTRY.model_copy(update=change))


@pytest.mark.parametrize(("status", "said"), [(429, "asks to wait"), (500, "fault of its own")])
def test_a_hub_that_does_not_serve_is_not_out_of_reach(hub: Hub, status: int, said: str) -> None:
    hub.refusal = status
    with pytest.raises(HubError, match=f"{said} .HTTP {status}"):
        hub_model(ENTRY)
    with pytest.raises(DataMissingError, match=f"{said} .HTTP {status}"):
        part_file(GSM8K, _part(), None)


def test_no_room_where_the_files_go_is_said_before_they_are_fetched(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))  # type: ignore[attr-defined]
    with pytest.raises(HubError, match=r"needed for Qwen.*HF_HOME"):
        hub_model(ENTRY)
    assert not any("resolve" in line and line.startswith("GET") for line in hub.asked)


def test_a_killed_download_goes_on_and_leaves_no_rest(hub: Hub, tmp_path: Path) -> None:
    hub.stuck = "model.safetensors"
    program = (
        "import sys; from ptb_lite.catalog.hub.download import download\n"
        "import huggingface_hub.constants as client\nclient.DOWNLOAD_CHUNK_SIZE = 8192\n"
        "download(sys.argv[1], sys.argv[2])"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, NAME, COMMIT],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "HF_HUB_DISABLE_XET": "1"},
    )
    blobs = tmp_path / "hf" / "hub" / f"models--{NAME.replace('/', '--')}" / "blobs"
    limit = time.monotonic() + 60 * slowdown()
    # Both small files are whole, and a part of the weights is here.
    while len(list(blobs.glob("*"))) - len(list(blobs.glob("*.incomplete"))) < 2 or not list(
        blobs.glob("*.incomplete")
    ):
        assert child.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert remove_stale(NAME) == 0, "it is being fetched"
    (part,) = blobs.glob("*.incomplete")
    while part.stat().st_size == 0:
        assert time.monotonic() < limit
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    here = part.stat().st_size
    hub.stuck = ""
    hub.asked.clear()
    hub_model(ENTRY)
    assert list(blobs.glob("*.incomplete")) == []
    fetched = [
        line.rpartition("/")[2]
        for line in hub.asked
        if line.startswith("GET") and "/resolve/" in line
    ]
    assert fetched == ["model.safetensors"]
    assert hub.begun == [here], "it went on where it was"
    assert hub_model(ENTRY).joinpath("model.safetensors").read_bytes() == weights_sent()


def test_a_download_by_hf_xet_that_is_killed_goes_on_too(hub: Hub, tmp_path: Path) -> None:
    """Its part is a beginning of the file, though it fetches from several places at once."""
    half = len(weights_sent()) // 2
    with xet_store(weights_sent()) as store:
        hub.stored["model.safetensors"] = store.headers()
        store.held_from = half
        program = "import sys; from ptb_lite.catalog.hub.download import download; "
        environment = {key: value for key, value in os.environ.items() if "XET" not in key}
        child = subprocess.Popen(
            [sys.executable, "-c", program + "download(*sys.argv[1:])", NAME, COMMIT],
            cwd=Path(__file__).parents[3],
            env=environment,
        )
        blobs = tmp_path / "hf" / "hub" / f"models--{NAME.replace('/', '--')}" / "blobs"
        limit = time.monotonic() + 60 * slowdown()
        while not (parts := [p for p in blobs.glob("*.incomplete") if p.stat().st_size > half / 2]):
            assert child.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert "/xorb" in store.asked
        here = parts[0].stat().st_size
        store.asked.clear()
        assert hub_model(ENTRY).joinpath("model.safetensors").read_bytes() == weights_sent()
        assert hub.begun == [here]
        assert store.asked == [], "what was missing came by HTTP"
        assert list(blobs.glob("*.incomplete")) == []


@pytest.mark.parametrize("size", [1000, 10_000_000])
def test_a_part_that_is_no_beginning_of_its_file_is_not_kept(
    hub: Hub, tmp_path: Path, size: int
) -> None:
    sent = weights_sent()
    blobs = tmp_path / "hf" / "hub" / f"models--{NAME.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    part = blobs / f"{hashlib.sha256(sent).hexdigest()}.0a1b2c3d.incomplete"
    part.write_bytes(b"\x01" * size)
    assert hub_model(ENTRY).joinpath("model.safetensors").read_bytes() == sent
    assert not part.exists()
    assert hub.begun == ([size] if size < len(sent) else [])


@pytest.mark.usefixtures("hub")
def test_a_part_that_another_program_fetches_stays(tmp_path: Path) -> None:
    folder = f"models--{NAME.replace('/', '--')}"
    part = tmp_path / "hf" / "hub" / folder / "blobs" / "abc.12345678.incomplete"
    lock = tmp_path / "hf" / "hub" / ".locks" / folder / "abc.lock"
    for path in (part, lock):
        path.parent.mkdir(parents=True)
        path.touch()
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert remove_stale(NAME) == 0
    assert remove_stale(NAME) == 1
    assert not part.exists()


def _part():  # type: ignore[no-untyped-def]
    assert GSM8K.data is not None
    return GSM8K.data.test.model_copy(update={"file": "main/test.jsonl", "config": None})


def test_a_data_set_is_held_at_its_commit_too(hub: Hub) -> None:
    part = _part()
    kept = part_file(GSM8K, part, None)
    assert json.loads(kept.read_bytes())["answer"] == "#### 1"
    assert held_commit("openai/gsm8k", kind="dataset") == COMMIT
    assert known_pins(ENTRY.model_copy(update={"source": "local", "path": "/x"}), [GSM8K]) == {
        "openai/gsm8k": COMMIT
    }
    pinned = part.model_copy(update={"revision": COMMIT})
    assert kept_file(pinned) == kept, "the same commit is not fetched again"
    hub.commit = MOVED
    other = part.model_copy(update={"revision": MOVED})
    assert kept_file(other) != kept
    assert part_file(GSM8K, part, None) == kept


def test_an_entry_says_which_commit(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(f"qwen3-0.6b-base: {{revision: {MOVED}}}\n")
    entry: ModelEntry = load_catalog(tmp_path).model("qwen3-0.6b-base")
    assert entry.revision == MOVED

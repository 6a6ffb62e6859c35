"""Hub models, against the Hub's real client: with a cache made here, and a server of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from ptb_lite.catalog import ModelEntry, load_catalog
from ptb_lite.catalog.hub import HubModelError, check_access, hub_model, is_cached

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CATALOG = load_catalog(Path("/nonexistent"))
OPEN = CATALOG.model("qwen3-0.6b-base")
GATED = CATALOG.model("gemma-3-270m")


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache of its own, no token, and no way out to the network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return cache


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """A Hub that answers every question with `status` and `code`, and notes what it was asked."""
    told: dict[str, object] = {"status": 200, "code": "", "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = told["asked"]
            assert isinstance(asked, list)
            asked.append((self.path, self.headers.get("authorization")))
            self.send_response(int(str(told["status"])))
            self.send_header("X-Error-Code", str(told["code"]))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    yield told
    server.shutdown()
    server.server_close()


def fill(cache: Path, entry: ModelEntry, *, weights: bool = True) -> None:
    """The layout of a real Hub cache: blobs, and snapshots of links to them."""
    root = cache / f"models--{str(entry.hub_id).replace('/', '--')}"
    snapshot = root / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (root / "blobs").mkdir()
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    names = ["config.json", "tokenizer.json"] + (["model.safetensors"] if weights else [])
    for name in names:
        (root / "blobs" / f"blob-{name}").write_text(name)
        (snapshot / name).symlink_to(Path("..") / ".." / "blobs" / f"blob-{name}")


def test_what_is_cached_becomes_a_folder_of_plain_files(hub_cache: Path, tmp_path: Path) -> None:
    assert not is_cached(OPEN)
    fill(hub_cache, OPEN)
    assert is_cached(OPEN)
    folder = hub_model(OPEN, tmp_path / "cache")
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert all(path.is_file() and not path.is_symlink() for path in files)
    assert (folder / "config.json").read_text() == "config.json"
    assert folder.name == f"qwen3-0.6b-base-{COMMIT[:12]}"
    assert hub_model(OPEN, tmp_path / "cache") == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_cache_without_weights_is_not_enough(hub_cache: Path) -> None:
    fill(hub_cache, OPEN, weights=False)
    assert not is_cached(OPEN)


def test_without_a_network(tmp_path: Path) -> None:
    with pytest.raises(HubModelError, match="cannot be reached"):
        check_access(OPEN)
    with pytest.raises(HubModelError, match="cannot be reached"):
        hub_model(OPEN, tmp_path)


def test_a_gated_model_without_a_token_asks_no_network(answer: dict[str, object]) -> None:
    with pytest.raises(HubModelError, match="set HF_TOKEN"):
        check_access(GATED)
    assert answer["asked"] == []


@pytest.mark.parametrize(
    ("status", "code"), [(403, "GatedRepo"), (404, "RepoNotFound"), (401, ""), (403, "")]
)
def test_a_token_without_access(
    answer: dict[str, object], monkeypatch: pytest.MonkeyPatch, status: int, code: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    answer.update(status=status, code=code)
    with pytest.raises(HubModelError, match=r"huggingface\.co/google/gemma-3-270m .*HF_TOKEN"):
        check_access(GATED)


def test_a_token_with_access(answer: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    check_access(GATED)
    assert answer["asked"] == [("/api/models/google/gemma-3-270m/auth-check", "Bearer hf_test")]


def test_a_hub_that_is_broken(answer: dict[str, object]) -> None:
    answer.update(status=503)
    with pytest.raises(HubModelError, match="cannot be reached"):
        check_access(OPEN)

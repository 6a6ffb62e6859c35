"""Hub models, against the Hub's real client: with a cache made here, and a server of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from ptb_lite.catalog import ModelEntry, load_catalog
from ptb_lite.catalog.hub.errors import HubError
from ptb_lite.catalog.hub.models import check_access, is_cached

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CATALOG = load_catalog(Path("/nonexistent"))
OPEN = CATALOG.model("qwen3-0.6b-base")
GATED = CATALOG.model("gemma-3-270m")


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache of its own, no token, and no way out to the network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))
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
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
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


def test_a_cache_without_weights_is_not_enough(hub_cache: Path) -> None:
    fill(hub_cache, OPEN, weights=False)
    assert not is_cached(OPEN)


def test_without_a_network() -> None:
    with pytest.raises(HubError, match="cannot be reached"):
        check_access(OPEN)


def test_a_gated_model_without_a_token_asks_no_network(answer: dict[str, object]) -> None:
    with pytest.raises(HubError, match="set HF_TOKEN"):
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
    with pytest.raises(HubError, match=r"huggingface\.co/google/gemma-3-270m .*HF_TOKEN"):
        check_access(GATED)


def test_a_token_with_access(answer: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    check_access(GATED)
    assert answer["asked"] == [("/api/models/google/gemma-3-270m/auth-check", "Bearer hf_test")]


@pytest.mark.parametrize(
    ("status", "said"),
    [(429, "asks to wait .HTTP 429"), (500, "fault of its own .HTTP 500"), (503, "HTTP 503")],
)
def test_a_hub_that_answers_but_does_not_serve(
    answer: dict[str, object], status: int, said: str
) -> None:
    answer.update(status=status)
    with pytest.raises(HubError, match=said) as caught:
        check_access(OPEN)
    assert "reached" not in str(caught.value)

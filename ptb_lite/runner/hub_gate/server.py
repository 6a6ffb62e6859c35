"""The gate's server: the Hub's routes on loopback, every request decided and noted.

A file is fetched whole and searched before its first byte is handed out, so a client must be
patient (`environment`); after that it is served from the gate's own copy, ranges included. There
are no redirects, no chunked storage (Xet) and no other host: what a client gets came through here.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs

from ptb_lite.audit.case import TestItem
from ptb_lite.errors import PtbLiteError
from ptb_lite.runner.hub_gate.content import objection
from ptb_lite.runner.hub_gate.dataset_card import without_splits
from ptb_lite.runner.hub_gate.policy import Action, HubPolicy
from ptb_lite.runner.hub_gate.requests import HubRequest, parse
from ptb_lite.runner.hub_gate.upstream import FileFacts, Upstream, UpstreamError

MAX_BODY_BYTES = 2**20
MAX_AT_ONCE = 16
MAX_NOTED = 1000
"""So many different requests are noted; the others are only counted."""
_BLOCK = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CARD = "README.md"


@dataclass(frozen=True)
class Noted:
    """One kind of request, and how it was answered."""

    request: HubRequest
    allowed: bool
    reason: str = ""


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    file: Path | None = None


class HubGate:
    """Serves from `start` to `close`; `spool` is a folder of the host's that the agent cannot see.

    Raises PtbLiteError where no port can be had.
    """

    def __init__(
        self, policy: HubPolicy, upstream: Upstream, items: Sequence[TestItem], spool: Path
    ) -> None:
        self._policy, self._upstream = policy, upstream
        self._items, self._spool = tuple(items), spool
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._searched: dict[tuple[str, str, str, str], str | None] = {}
        self._searching = threading.Lock()
        self._noted: dict[Noted, int] = {}
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._spool.mkdir(parents=True, exist_ok=True)
        gate = self

        class Handler(_Handler):
            def answer(self, body: bytes) -> _Answer:
                with gate._places:
                    return gate.answer(self.command, self.path, body)

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        except OSError as error:
            raise PtbLiteError(f"the Hub's gate cannot be started: {error}") from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="hub-gate", daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def noted(self) -> dict[Noted, int]:
        """Every kind of request until now and how often it came, in the order of the first."""
        with self._lock:
            return dict(self._noted)

    def answer(self, method: str, target: str, body: bytes) -> _Answer:
        """The answer to one request; never raises."""
        request = parse(target)
        decision = self._policy.decide(request)
        if method not in ("GET", "HEAD") and request.operation not in ("paths", "git"):
            return self._refused(request, "refused by the run's rules: nothing is sent to the Hub")
        if decision.action == Action.REFUSE:
            return self._refused(request, decision.reason)
        try:
            if request.operation == "file":
                return self._file(method, request, decision.action)
            return self._listing(method, target, request, body)
        except UpstreamError as error:
            headers = {"X-Error-Code": error.code} if error.code else {}
            self._note(request, True, str(error))
            return _Answer(error.status, {**headers, "X-Error-Message": _ascii(error.message)})
        except OSError as error:
            self._note(request, True, f"failed ({error.strerror})")
            return _Answer(507, {"X-Error-Message": _ascii(f"no room for it: {error.strerror}")})

    def _file(self, method: str, request: HubRequest, action: Action) -> _Answer:
        card = self._card(request)
        if card is not None:
            self._note(request, True)
            return card
        facts = self._upstream.facts(request)
        pinned = HubRequest("file", request.kind, request.repo, facts.commit, request.path)
        if method == "HEAD":
            return _Answer(200, _headers(facts))
        path = self._upstream.fetch(pinned)
        if action == Action.SEARCH:
            why = self._search(pinned, path)
            if why is not None:
                return self._refused(request, f"refused by the run's rules: {why}")
        self._note(request, True)
        return _Answer(200, _headers(facts), file=path)

    def _card(self, request: HubRequest) -> _Answer | None:
        """The README of an official source without its test split; None for any other file."""
        splits = self._policy.train_splits(request.repo) if request.kind == "dataset" else None
        if splits is None or request.path != _CARD:
            return None
        facts = self._upstream.facts(request)
        path = self._upstream.fetch(request)
        text = without_splits(path.read_text(encoding="utf-8", errors="replace"), splits)
        body = text.encode()
        etag = hashlib.sha256(body).hexdigest()
        return _Answer(200, _headers(FileFacts(facts.commit, etag, len(body))), body)

    def _search(self, request: HubRequest, path: Path) -> str | None:
        key = (request.kind, request.repo, request.revision, request.path)
        # One at a time: a search takes memory.
        with self._searching:
            if key not in self._searched:
                self._searched[key] = objection(path, request.path, self._items, self._spool)
            return self._searched[key]

    def _listing(self, method: str, target: str, request: HubRequest, body: bytes) -> _Answer:
        asked = _paths(body) if request.operation == "paths" else ()
        raw = self._upstream.answer("GET" if method == "HEAD" else method, target, body)
        try:
            listing = json.loads(raw)
        except ValueError as error:
            raise UpstreamError("the Hub's answer is no JSON", status=502) from error
        self._note(request, True)
        kept = json.dumps(self._without_refused(request, listing, asked)).encode()
        return _Answer(200, {"Content-Type": "application/json"}, kept)

    def _without_refused(self, request: HubRequest, listing: Any, asked: Sequence[str]) -> Any:
        """The same listing without files that would be refused, unless they were asked for."""

        def shown(entry: Any) -> bool:
            name = entry.get("rfilename") or entry.get("path") if isinstance(entry, dict) else None
            if not isinstance(name, str) or entry.get("type") == "directory":
                return True
            return name in asked or not self._policy.hides(request, name)

        if isinstance(listing, list):
            return [entry for entry in listing if shown(entry)]
        if isinstance(listing, dict) and isinstance(listing.get("siblings"), list):
            return {**listing, "siblings": [one for one in listing["siblings"] if shown(one)]}
        return listing

    def _refused(self, request: HubRequest, reason: str) -> _Answer:
        self._note(request, False, reason)
        text = _ascii(reason)
        headers = {"X-Error-Message": text, "Content-Type": "text/plain"}
        return _Answer(403, headers, f"{text}\n".encode())

    def _note(self, request: HubRequest, allowed: bool, reason: str = "") -> None:
        noted = Noted(request, allowed, reason)
        with self._lock:
            if noted in self._noted or len(self._noted) < MAX_NOTED:
                self._noted[noted] = self._noted.get(noted, 0) + 1


def environment(port: int) -> dict[str, str]:
    """The variables by which an agent's programs find the gate, and wait while it searches."""
    return {
        "HF_ENDPOINT": f"http://127.0.0.1:{port}",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": "3600",
        "HF_HUB_ETAG_TIMEOUT": "120",
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    @abstractmethod
    def answer(self, body: bytes) -> _Answer:
        """The gate's answer to the request that was read."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_HEAD(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self.send_error(413)
            return
        self._serve(self.rfile.read(int(length)))

    def do_PUT(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_POST()

    def _serve(self, body: bytes) -> None:
        answer = self.answer(body)
        if answer.file is not None:
            with answer.file.open("rb") as file:
                self._send_file(answer, file)
            return
        self._send(answer.status, answer.headers, len(answer.body))
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _send_file(self, answer: _Answer, file: BinaryIO) -> None:
        size = file.seek(0, 2)
        part = _part(self.headers.get("Range"), size)
        if part is None:
            self._send(416, {"Content-Range": f"bytes */{size}"}, 0)
            return
        start, end = part
        whole = (start, end) == (0, size)
        ranged = {} if whole else {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
        self._send(200 if whole else 206, {**answer.headers, **ranged}, end - start)
        file.seek(start)
        left = end - start
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            self.wfile.write(block)
            left -= len(block)

    def _send(self, status: int, headers: dict[str, str], length: int) -> None:
        """`length` is what is sent; for HEAD what a GET would send, where the headers say it."""
        if self.command == "HEAD":
            length = int(headers.get("X-Linked-Size", length))
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _headers(facts: FileFacts) -> dict[str, str]:
    return {
        "ETag": f'"{facts.etag}"',
        "X-Repo-Commit": facts.commit,
        "X-Linked-Size": str(facts.size),
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }


def _part(asked: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last of a range; the whole for one that is not understood,
    None for one that lies outside."""
    found = _RANGE.fullmatch(asked.strip()) if asked else None
    if found is None or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        return max(0, size - int(found[2])), size
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    return (start, end) if start < size and start < end else None


def _paths(body: bytes) -> tuple[str, ...]:
    """The paths that a paths-info request names, as a form or as JSON."""
    text = body.decode("utf-8", errors="replace")
    try:
        found = json.loads(text).get("paths", [])
    except (ValueError, AttributeError):
        found = parse_qs(text).get("paths", [])
    return tuple(str(path) for path in found) if isinstance(found, list) else ()


def _ascii(text: str) -> str:
    """A sentence that a header can carry."""
    return " ".join(text.encode("ascii", "replace").decode().split())[:500]

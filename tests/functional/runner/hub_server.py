"""A Hugging Face Hub on loopback: the few routes that its client asks for, and what was asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"


@dataclass
class Hub:
    """`repositories` maps (models or datasets, OWNER/NAME) to its files; `asked` are method and
    path of each request. Main is at `commit`. Every answer is `refusal` where it is not 0; the file
    named `stuck` is sent by half and no further."""

    repositories: dict[tuple[str, str], dict[str, bytes]]
    url: str = ""
    asked: list[str] = field(default_factory=list)
    commit: str = COMMIT
    refusal: int = 0
    stuck: str = ""
    begun: list[int] = field(default_factory=list)
    """The first bytes of answers that were not asked from the beginning."""
    stored: dict[str, dict[str, str]] = field(default_factory=dict)
    """Headers of files that are stored elsewhere as well, as with Xet."""

    def answer(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request."""
        self.asked.append(f"{method} {urlsplit(path).path}")
        if self.refusal:
            return self.refusal, {}, b""
        parts = [part for part in unquote(urlsplit(path).path).split("/") if part]
        api = parts[:1] == ["api"]
        parts = parts[1:] if api else parts
        kind = parts.pop(0) if parts[:1] in (["models"], ["datasets"]) else "models"
        name, route = "/".join(parts[:2]), parts[2:]
        files = self.repositories.get((kind, name))
        if files is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if api:
            recursive = "recursive=true" in urlsplit(path).query.lower()
            listing = self._listing(name, route, files, recursive)
            return 200, {"Content-Type": "application/json"}, listing
        content = files.get("/".join(route[2:]))
        if route[:1] != ["resolve"] or content is None:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
        commit = self._commit(route[1])
        headers = {"ETag": f'"{_etag(route[-1], content)}"', "X-Repo-Commit": commit}
        return 200, headers | self.stored.get(route[-1], {}), content

    def _commit(self, revision: str) -> str:
        """As on the Hub: a commit is itself, a branch is at one."""
        return revision if len(revision) == len(COMMIT) else self.commit

    def _listing(
        self, name: str, route: list[str], files: dict[str, bytes], recursive: bool
    ) -> bytes:
        if route[:1] == ["tree"]:
            return json.dumps(_tree(files, "/".join(route[2:]), recursive)).encode()
        siblings = [{"rfilename": path} for path in files]
        named = route[1] if route[:1] == ["revision"] else "main"
        about = {"id": name, "sha": self._commit(named), "private": False, "siblings": siblings}
        return json.dumps({**about, "tags": [], "downloads": 0, "likes": 0}).encode()


@contextmanager
def hub_server(repositories: dict[tuple[str, str], dict[str, bytes]]) -> Iterator[Hub]:
    """A running Hub."""
    hub, over = Hub(repositories), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.command, self.path)
            first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
            if first and status == 200:
                whole, body, status = len(body), body[first:], 206
                headers["Content-Range"] = f"bytes {first}-{whole - 1}/{whole}"
                hub.begun.append(first)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET" and hub.stuck and self.path.endswith(hub.stuck):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                over.wait()
            elif self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _tree(files: dict[str, bytes], folder: str, recursive: bool) -> list[dict[str, object]]:
    """What lies in a folder, as the Hub lists it: files, and folders by themselves."""
    start = f"{folder}/" if folder else ""
    found: dict[str, dict[str, object]] = {}
    for path, content in files.items():
        below = path.removeprefix(start)
        if not path.startswith(start):
            continue
        if "/" in below and not recursive:
            inside = start + below.split("/")[0]
            found[inside] = {"type": "directory", "path": inside, "size": 0, "oid": _sha(b"")}
        else:
            found[path] = {
                "type": "file",
                "path": path,
                "size": len(content),
                "oid": _sha(content),
            }
    return list(found.values())


def _etag(path: str, content: bytes) -> str:
    """As on the Hub: the SHA-256 of what is stored apart from git."""
    large = path.endswith(".safetensors")
    return hashlib.sha256(content).hexdigest() if large else _sha(content)


def _sha(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()

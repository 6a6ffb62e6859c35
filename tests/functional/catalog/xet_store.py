"""A Xet store on loopback with one file: what hf-xet asks for to put it together again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_CHUNK = 8192
_FRAMED = _CHUNK + 8
_FILE, _XORB = "ab" * 32, "cd" * 32


@dataclass
class Store:
    """`asked` are the paths. Chunks at or after the byte `held_from` of the file are kept back."""

    content: bytes
    url: str = ""
    held_from: int = 1 << 62
    asked: list[str] = field(default_factory=list)

    def headers(self) -> dict[str, str]:
        """What the Hub says of a file that lies here."""
        return {"X-Xet-Hash": _FILE, "X-Xet-Refresh-Route": f"{self.url}/token"}

    def token(self) -> dict[str, str]:
        until = str(int(time.time()) + 3600)
        return {
            "X-Xet-Cas-Url": self.url, "X-Xet-Access-Token": "t", "X-Xet-Token-Expiration": until
        }  # fmt: skip

    def plan(self, first: int, last: int) -> bytes:
        """Each chunk is a term of its own, so that each is fetched by itself."""
        numbers = range(first // _CHUNK, min(last, len(self.content) - 1) // _CHUNK + 1)
        spans = [{"start": n, "end": n + 1} for n in numbers]
        sizes = [min(_CHUNK, len(self.content) - n * _CHUNK) for n in numbers]
        terms = [
            {"hash": _XORB, "unpacked_length": size, "range": span}
            for size, span in zip(sizes, spans, strict=True)
        ]
        places = [{"start": n * _FRAMED, "end": (n + 1) * _FRAMED - 1} for n in numbers]
        fetched = [
            {"range": span, "url": f"{self.url}/xorb", "url_range": place}
            for span, place in zip(spans, places, strict=True)
        ]
        start = first - numbers.start * _CHUNK
        return json.dumps(
            {"offset_into_first_range": start, "terms": terms, "fetch_info": {_XORB: fetched}}
        ).encode()

    def chunk(self, n: int) -> bytes:
        """Its frame says version, size, no compression, size."""
        raw = self.content[n * _CHUNK : (n + 1) * _CHUNK]
        size = len(raw).to_bytes(3, "little")
        return b"\0" + size + b"\0" + size + raw


@contextmanager
def xet_store(content: bytes) -> Iterator[Store]:
    """A running store."""
    store, over = Store(content), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            store.asked.append(self.path)
            first, _, last = self.headers.get("Range", "bytes=0-")[6:].partition("-")
            if self.path == "/token":
                self._send(200, b"", store.token())
            elif self.path.startswith("/v1/reconstructions/"):
                self._send(200, store.plan(int(first), int(last or len(content))), {})
            elif self.path == "/xorb":
                if int(first) // _FRAMED * _CHUNK >= store.held_from:
                    over.wait()
                chunks = range(int(first) // _FRAMED, int(last) // _FRAMED + 1)
                body = b"".join(map(store.chunk, chunks))
                self._send(206, body, {"Content-Range": f"bytes {first}-{last}/*"})
            else:
                self._send(404, b"", {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield store
    finally:
        over.set()
        server.shutdown()
        server.server_close()

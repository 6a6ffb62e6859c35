"""Runs in a browser: textual-serve, with a token in front of all that it answers."""

from __future__ import annotations

import secrets
import shlex
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiohttp import web
from textual_serve.server import Server

from ptb_lite.errors import PtbLiteError
from ptb_lite.installation import own_program
from ptb_lite.text import plural

VISITORS = 20
_END_SECONDS = 2.0
_HEADERS = {
    # Of the page that textual-serve sends, what would be fetched from elsewhere is left out.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises PtbLiteError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PtbLiteError(
            f"{host} port {port} cannot be listened on ({reason})",
            field="port",
            hint="Give another --port; 0 takes a free one",
        ) from error


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine reaches it."""
    return ip_address(listening.getsockname()[0]).is_loopback


class RunServer(Server):
    """Shows runs to whoever has the token; each visitor has an app process of their own.

    `run_ids` as in VisitorApp; `visitors` at most are there at the same time.
    """

    def __init__(
        self,
        listening: socket.socket,
        runs_dir: Path,
        run_ids: Sequence[str] = (),
        *,
        visitors: int = VISITORS,
    ) -> None:
        self._socket = listening
        host, port = listening.getsockname()[:2]
        command = own_program("ptb_lite.tui.served", str(runs_dir.resolve()), *run_ids)
        # Without a shell in between, so that a visitor's app sees when the server is gone.
        super().__init__(f"exec {shlex.join(command)}", host, port, title="ptb-lite")
        self.token = secrets.token_urlsafe(24)
        # Cookies know no ports: two servers of one machine must not take each other's.
        self._cookie = f"ptb-lite-{port}"
        self._most, self._there = visitors, 0

    @property
    def address(self) -> str:
        """What a visitor opens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/?token={self.token}"

    def serve(self, debug: bool = False) -> None:  # noqa: ARG002
        """Serve until SIGINT or SIGTERM; the visitors' apps end with it."""
        web.run_app(
            self._make_app(),
            sock=self._socket,
            shutdown_timeout=_END_SECONDS,
            print=None,
            # It would write the token down.
            access_log=None,
        )

    async def on_startup(self, app: web.Application) -> None:
        """The command line has said where it is."""

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    async def handle_index(self, request: web.Request) -> Any:
        if self._there >= self._most:
            raise web.HTTPServiceUnavailable(text=self._full())
        # As the visitor came here: through a tunnel that may be another host and port.
        self.public_url = f"{request.scheme}://{request.host}"
        return await super().handle_index(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        if self._there >= self._most:
            raise web.HTTPServiceUnavailable(text=self._full())
        self._there += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._there -= 1

    def _full(self) -> str:
        return f"No more than {plural(self._most, 'person', 'people')} can watch at the same time."

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Nothing is answered without the token: once in the address, then as a cookie."""
        if request.path == "/" and "token" in request.query:
            self._require(request.query["token"])
            # The token stays in no address bar and no history.
            welcome = web.HTTPFound("/", headers=_HEADERS)
            welcome.set_cookie(self._cookie, self.token, httponly=True, samesite="Strict")
            raise welcome
        self._require(request.cookies.get(self._cookie, ""))
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="Another page may not connect.")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    def _require(self, given: str) -> None:
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            raise web.HTTPForbidden(text="Open the address with the token that the server printed.")

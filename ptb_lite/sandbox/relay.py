"""The one way out of a sandbox without a network: a proxy on the host, behind a unix socket.

Lets through what it was told to, notes every host that it is asked for, and never looks into what
it carries. It runs in a thread of the runner, so that it is gone with the runner.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ptb_lite.errors import PtbLiteError
from ptb_lite.sandbox.relay_protocol import (
    MAX_HEAD_BYTES,
    BadRequestError,
    Wanted,
    normal_addresses,
    read_request,
)

SOCKET_NAME = "relay.sock"
MAX_CONNECTIONS = 256
MAX_HOSTS = 1000
HEAD_SECONDS = 30.0
CONNECT_SECONDS = 20.0
LINGER_SECONDS = 1.0
MALFORMED = "(malformed)"
"""The host under which requests are noted that ask for none; port 0."""
OTHERS = "(others)"
"""The host under which all those are counted that come after the first `MAX_HOSTS`; port 0."""
_BLOCK = 1 << 16
_T = TypeVar("_T")


@dataclass(frozen=True)
class Asked:
    """A host that was asked for, and whether it was let through."""

    host: str
    port: int
    allowed: bool


class Relay:
    """Listens at `folder`/relay.sock from `start` to `close`.

    `allowed` are the hosts and ports that it lets through, None for all, at most `MAX_CONNECTIONS`
    connections at a time. Raises BadRequestError for an allowed host that is none.
    """

    def __init__(self, folder: Path, allowed: Iterable[tuple[str, int]] | None) -> None:
        self._folder = folder
        self._allowed = None if allowed is None else normal_addresses(allowed)
        self._lock = threading.Lock()
        self._counts: dict[Asked, int] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def start(self) -> None:
        """Raises PtbLiteError when the socket cannot be made."""
        try:
            listening = _listen(self._folder)
        except OSError as error:
            self._loop.close()
            raise PtbLiteError(f"the relay cannot be started: {error}") from error
        self._thread.start()
        self._server = self._call(
            asyncio.start_unix_server(self._accept, sock=listening, limit=MAX_HEAD_BYTES)
        )

    def close(self) -> None:
        """End all connections and remove the socket; nothing is let through any more."""
        if self._thread.is_alive():
            self._call(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
        (self._folder / SOCKET_NAME).unlink(missing_ok=True)

    def counts(self) -> dict[Asked, int]:
        """How often each host was asked for until now, in order of the first time."""
        with self._lock:
            return dict(self._counts)

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CONNECT_SECONDS)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if len(self._open) > 2 * MAX_CONNECTIONS:
                pass
            elif len(self._open) > MAX_CONNECTIONS:
                await _refuse(reader, writer, "503 Service Unavailable", "too many connections")
            else:
                await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, TimeoutError):
            pass  # one end has gone, or said nothing: there is nobody to tell
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = await self._wanted(reader)
        if wanted is None:
            await _refuse(reader, writer, "400 Bad Request", "this is not understood")
            return
        address = (wanted.host, wanted.port)
        allowed = self._allowed is None or address in self._allowed
        self._note(Asked(*address, allowed))
        if not allowed:
            await _refuse(reader, writer, "403 Forbidden", "this host is not let through")
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                far_reader, far_writer = await asyncio.open_connection(*address, limit=_BLOCK)
        except (OSError, UnicodeError, TimeoutError):
            await _refuse(reader, writer, "502 Bad Gateway", "the host cannot be reached")
            return
        try:
            far_writer.write(wanted.opening)
            writer.write(wanted.reply)
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, far_writer))
                both.create_task(_copy(far_reader, writer))
        except* OSError:
            pass  # a broken connection ends both directions
        finally:
            far_writer.close()

    async def _wanted(self, reader: asyncio.StreamReader) -> Wanted | None:
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                return read_request(await reader.readuntil(b"\r\n\r\n"))
        except (BadRequestError, asyncio.LimitOverrunError):
            self._note(Asked(MALFORMED, 0, allowed=False))
            return None

    def _note(self, asked: Asked) -> None:
        with self._lock:
            if asked not in self._counts and len(self._counts) >= MAX_HOSTS:
                asked = Asked(OTHERS, 0, asked.allowed)
            self._counts[asked] = self._counts.get(asked, 0) + 1


def _listen(folder: Path) -> socket.socket:
    """A socket of this person alone, bound through the folder: a path may have 107 bytes at most.

    A killed runner's socket is replaced.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / SOCKET_NAME).unlink(missing_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(f"/proc/self/fd/{handle}/{SOCKET_NAME}")
        made.listen(MAX_CONNECTIONS)
    except OSError:
        made.close()
        raise
    finally:
        os.close(handle)
    return made


async def _refuse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: str, why: str
) -> None:
    """Say no. What still comes is read for a moment, or the other end might not hear it."""
    body = f"ptb-lite: {why}\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    with contextlib.suppress(OSError):
        writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while await reader.read(_BLOCK):
                    pass


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything of one direction, then its end."""
    while block := await reader.read(_BLOCK):
        writer.write(block)
        await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()

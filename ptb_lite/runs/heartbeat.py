"""Whether a runner on another machine lives: its file's time moves on while it does.

A lock says more, but not every file system that machines share has locks that others see.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path
from types import TracebackType

from ptb_lite.moments import written_within

FILE = "heartbeat"
EVERY_SECONDS = 5.0
DEAD_SECONDS = 60.0
"""So long without a beat, and a runner elsewhere counts as dead."""


class Heartbeat:
    """Touches `folder`/heartbeat every `EVERY_SECONDS` until it is closed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while True:
            # A full or lost disk ends the run by itself, with words.
            with contextlib.suppress(OSError):
                self._path.touch()
            if self._over.wait(EVERY_SECONDS):
                return


def beats_elsewhere(folder: Path, host: str) -> bool:
    """Whether the run's runner is on another machine and has shown itself lately."""
    if not host or host == socket.gethostname():
        return False
    try:
        return written_within(folder / FILE, DEAD_SECONDS)
    except OSError:
        return False

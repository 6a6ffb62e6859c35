"""The way into the app from the command line, and safely out of it again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from functools import partial
from pathlib import Path

from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Place

# A terminal that went away takes nothing any more: what waits for it must not keep us.
_LAST_SECONDS = 3.0


def open_app(runs_dir: Path, place: Place | None = None) -> int:
    """Show the app until the person leaves it; the terminal is then as it was before.

    SIGHUP (the terminal or the SSH connection is gone) and SIGTERM leave it as well. Returns the
    exit code: 0, 1 where the app broke and said why, 128 and the signal's number after a signal.
    """
    app = _TerminalApp(runs_dir, place)
    app.run()
    return app.return_code or 0


class _TerminalApp(PtbLiteApp):
    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, partial(self._leave, number))

    def _leave(self, number: signal.Signals) -> None:
        backstop = threading.Timer(_LAST_SECONDS, os._exit, (128 + number,))
        backstop.daemon = True
        backstop.start()
        self.exit(return_code=128 + number)

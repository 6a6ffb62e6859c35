"""The way into the app from the command line, and safely out of it again."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Place

# A terminal that went away takes nothing any more: what waits for it must not keep us.
_LAST_SECONDS = 3.0


def open_app(runs_dir: Path, place: Place | None = None) -> int:
    """Show the app until the person leaves it; the terminal is then as it was before.

    Returns the exit code: 0, or 1 where the app broke and said why.

    SIGHUP (the terminal or the SSH connection is gone) and SIGTERM leave it as well.
    """
    app = PtbLiteApp(runs_dir, place)
    leave = _Leaving(app)
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, leave)
    app.run()
    return app.return_code or 0


class _Leaving:
    def __init__(self, app: PtbLiteApp) -> None:
        self._app = app

    def __call__(self, number: int, _frame: object) -> None:
        backstop = threading.Timer(_LAST_SECONDS, os._exit, (128 + number,))
        backstop.daemon = True
        backstop.start()
        self._app.call_later(self._app.exit, None, 128 + number)

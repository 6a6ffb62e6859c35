"""The loop of a worker that follows a run: folds what comes, hands on the newest at a fair pace."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

from ptb_lite.tui.models.run.fold import RunFold
from ptb_lite.tui.models.run.source import Piece, RunSource, RunState
from ptb_lite.tui.models.run.view import RunSnapshot

# Five pictures a second are enough for a reader; the more lines, the more go into each.
SHOW_SECONDS = 0.2
_IDLE_SECONDS = 0.5


def follow(
    source: RunSource,
    fold: RunFold,
    closing: threading.Event,
    tell: Callable[[RunSnapshot, Piece], None],
) -> None:
    """Runs until `closing` is set. `tell` gets a snapshot when there is something new, at most
    every `SHOW_SECONDS`. Raises OSError when the journal cannot be read."""
    # What the app has loaded by now stays: a full collection under a flood of events would go
    # through all of it each time, and keys would wait for it.
    gc.freeze()
    told: tuple[int, RunState, int, int] | None = None
    shown = float("-inf")
    while not closing.is_set():
        piece = source.next()
        fold.fold(piece.events)
        now = time.monotonic()
        news = (fold.events, piece.state, piece.skipped, piece.newer)
        if news != told and now - shown >= SHOW_SECONDS:
            tell(fold.snapshot(), piece)
            told, shown = news, now
        if not piece.more:
            quiet = piece.state is not RunState.GOING and news == told
            closing.wait(_IDLE_SECONDS if quiet else SHOW_SECONDS)

"""Asking an endpoint again, with growing pauses, as long as that can help."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ptb_lite.chat.endpoint import NoAnswerError, RefusedError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Patience:
    """So often, with pauses of `first_delay` seconds, then twice that, up to `longest_delay`, and
    not beyond `until` (a moment of `time.monotonic`). The endpoint's own pause goes first.

    A server that gets ready (`RefusedError.waits`) is asked again for as long as `until` allows.
    """

    attempts: int
    first_delay: float
    longest_delay: float
    until: float


def patiently(
    ask: Callable[[], _T], patience: Patience, *, say: Callable[[str], None] = lambda _: None
) -> _T:
    """What `ask` returns, called again when it raises NoAnswerError; anything else goes through.

    `say` is told of each failure, of waiting in ever longer intervals. Raises the last
    NoAnswerError when the attempts or the time are over.
    """
    failed = waited = 0
    while True:
        try:
            return ask()
        except NoAnswerError as error:
            if isinstance(error, RefusedError) and error.waits:
                waited += 1
                if waited.bit_count() == 1:
                    say(f"{error} (waiting for the server, as long as the time allows)")
            else:
                failed += 1
                say(f"{error} (attempt {failed} of {patience.attempts})")
            growing = patience.first_delay * 2 ** min(failed + waited - 1, 30)
            delay = min(growing if error.after is None else error.after, patience.longest_delay)
            if failed == patience.attempts or time.monotonic() + delay > patience.until:
                raise
        time.sleep(delay)

"""Asking an endpoint again, with growing pauses, as long as that can help."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ptb_lite.chat.endpoint import NoAnswerError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Patience:
    """So often, with pauses of `first_delay` seconds, then twice that, up to `longest_delay`, and
    not beyond `deadline` (seconds since the epoch). A pause that the endpoint asks for comes first.
    """

    attempts: int
    first_delay: float
    longest_delay: float
    deadline: float


def patiently(
    ask: Callable[[], _T], patience: Patience, *, say: Callable[[str], None] = lambda _: None
) -> _T:
    """What `ask` returns, called again when it raises NoAnswerError; anything else goes through.

    `say` is told of each failure. Raises the last NoAnswerError when the attempts or the time are
    over.
    """
    attempt = 0
    while True:
        try:
            return ask()
        except NoAnswerError as error:
            say(f"{error} (attempt {attempt + 1} of {patience.attempts})")
            asked = error.after
            delay = patience.first_delay * 2**attempt if asked is None else asked
            delay = min(delay, patience.longest_delay)
            attempt += 1
            if attempt == patience.attempts or time.time() + delay > patience.deadline:
                raise
        time.sleep(delay)

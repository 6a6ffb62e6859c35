"""What judging has cost, and the limit that it never passes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from ptb_lite.evaluation.judge.choice import JudgeChoice


class LimitReached(Exception):  # noqa: N818  (the person's choice, not a fault)
    """The next request could pass the limit, so it is not sent."""


@dataclass(frozen=True)
class Spent:
    """Tokens of all answers that came, also of those that held no verdict."""

    input_tokens: int = 0
    output_tokens: int = 0


class Ledger:
    """Counts for many threads. What a request could cost at most is set aside before it is sent,
    so that requests under way cannot pass the limit together. `before` was used earlier under the
    same limit."""

    def __init__(self, choice: JudgeChoice, before: Spent = Spent()) -> None:
        self._choice = choice
        self._lock = threading.Lock()
        self._spent = before
        self._aside = Spent()

    @property
    def spent(self) -> Spent:
        return self._spent

    def cost(self) -> float | None:
        return self._choice.cost(self._spent.input_tokens, self._spent.output_tokens)

    def set_aside(self, most: Spent) -> None:
        """Raises LimitReached, naming the limit, when there is not that much left."""
        with self._lock:
            total = _sum(_sum(self._spent, self._aside), most)
            tokens = total.input_tokens + total.output_tokens
            if tokens > self._choice.max_tokens:
                raise LimitReached(f"the limit of {self._choice.max_tokens} tokens is reached")
            cost = self._choice.cost(total.input_tokens, total.output_tokens)
            limit = self._choice.max_spend
            if cost is not None and limit is not None and cost > limit:
                raise LimitReached(f"the limit of {limit:g} dollars is reached")
            self._aside = _sum(self._aside, most)

    def settle(self, most: Spent, used: Spent) -> None:
        """Give back what was set aside and count what was used."""
        with self._lock:
            self._aside = Spent(
                self._aside.input_tokens - most.input_tokens,
                self._aside.output_tokens - most.output_tokens,
            )
            self._spent = _sum(self._spent, used)


def most_tokens(text: str, answer_tokens: int) -> Spent:
    """A generous estimate for a request: half as many tokens as bytes, and a whole answer."""
    return Spent(len(text.encode("utf-8", "replace")) // 2 + 64, answer_tokens)


def _sum(one: Spent, other: Spent) -> Spent:
    return Spent(one.input_tokens + other.input_tokens, one.output_tokens + other.output_tokens)

"""How a judge is asked: a question in, the text of an answer out, whoever answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ptb_lite.events import JudgeVoteAsked, JudgeVoteCounted

Told = JudgeVoteAsked | JudgeVoteCounted


class JudgeError(Exception):
    """A vote that is lost: no answer, or none that fits."""


class JudgeStoppedError(JudgeError):
    """The audit is to end now: no further vote is asked for."""


@dataclass(frozen=True)
class Question:
    """`task` says the rules and the form of the answer, `evidence` is the evidence itself, or says
    how it lies in `folder` (None: all of it is in the text)."""

    task: str
    evidence: str
    folder: Path | None = None


class Judge(Protocol):
    """A language model that can be asked.

    `reads`: the evidence is sent to it as one text, or it looks through a folder of copies by
    itself, which it can read and nothing else.
    """

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> Literal["text", "copies"]: ...

    def ask(self, question: Question) -> str:
        """The whole text of one vote, untrusted. Raises JudgeError with the reason, which never
        holds a key."""


@dataclass(frozen=True)
class JudgeOptions:
    """`judge` is asked `votes` times, each for `seconds` at most, and `tell` hears of it."""

    judge: Judge
    votes: int = 3
    seconds: float = 0.0
    tell: Callable[[Told], object] = lambda _: None

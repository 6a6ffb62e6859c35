"""What evaluate.py told the agent of its models, as the agent's own notes say it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ptb_lite.ledger_notes import FeedbackAnswer, ModelScored, SubmissionChanged
from ptb_lite.text import one_line

KEPT = 40
MAX_WEIGHTS = 200


@dataclass(frozen=True)
class DevScore:
    """`seconds` after the agent began; `score` in [0, 1] of `what`; `submitted`: its weights lay in
    final_model/."""

    seconds: float
    what: str
    score: float | None
    submitted: bool


@dataclass(frozen=True)
class DevView:
    """The newest scores, oldest first, and the answers of the newest one that has any."""

    scores: tuple[DevScore, ...] = ()
    answers: tuple[FeedbackAnswer, ...] = ()

    @property
    def known(self) -> Sequence[float]:
        return [each.score for each in self.scores if each.score is not None]


@dataclass
class DevFold:
    """Takes notes in order, and keeps the last of them."""

    notes: deque[ModelScored] = field(default_factory=lambda: deque(maxlen=KEPT))
    weights: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_WEIGHTS))
    answers: tuple[FeedbackAnswer, ...] = ()

    def score(self, note: ModelScored) -> None:
        self.notes.append(note)
        self.answers = note.answers or self.answers

    def submit(self, change: SubmissionChanged) -> None:
        if change.weights:
            self.weights.append(change.weights)

    def view(self) -> DevView:
        scores = tuple(
            DevScore(note.seconds, _what(note), note.score, note.weights in self.weights)
            for note in self.notes
        )
        return DevView(scores, self.answers)


def _what(note: ModelScored) -> str:
    shots = f", {note.shots} shots" if note.shots else ""
    return f"{one_line(note.model, 60)}, {one_line(note.benchmark, 40)}{shots}"

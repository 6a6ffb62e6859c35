"""What was recorded of the agent's processes and files, for those who read a run."""

from __future__ import annotations

from dataclasses import dataclass

from ptb_lite.provenance.history import read_history
from ptb_lite.provenance.trainings import summary, trainings
from ptb_lite.runs.folder import RunFolder
from ptb_lite.text import escaped

_MAX_PROBLEMS, _LONGEST = 5, 1000


@dataclass(frozen=True)
class Recorded:
    """`summary` is one line; each of `trainings` says what one was given and where that came from;
    `problems` say what the record lacks. All of it is printable."""

    summary: str
    trainings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_recorded(run: RunFolder) -> Recorded | None:
    """None for a run without a record."""
    try:
        history = read_history(run.provenance)
    except OSError:
        return None
    return Recorded(
        summary(history),
        tuple(escaped(each.words(), _LONGEST) for each in trainings(history)),
        tuple(escaped(each, 300) for each in history.problems[:_MAX_PROBLEMS]),
    )

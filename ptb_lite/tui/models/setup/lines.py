"""What the Setup screen draws, as plain values. Light: the first frame needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ptb_lite.spec.run_spec import RunSpec
    from ptb_lite.tui.models.setup.problems import SetupProblem

Mark = Literal["ok", "warn", "bad", "unknown"]


@dataclass(frozen=True)
class ListLine:
    """One entry of a list.

    `cells` stand in columns beside its name, `facts` is short, `detail` says all there is; `mark`
    repeats in one of four words whether it can be taken: ok, warn (something must be done first),
    bad (not on this machine), unknown. Lines of a `group` are folded away under its name.
    """

    id: str
    mark: Mark
    facts: str
    detail: str
    cells: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True)
class TimePart:
    """One part of a run's expected time, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Fix:
    """What mends a problem: a choice to go to, and what to choose there where that is known."""

    text: str
    field: str
    value: str = ""


@dataclass(frozen=True)
class Summary:
    """`lines` are a word and a sentence each, `figures` a word and a figure; `refused` says why the
    choices make no run: all of it, where there is a spec to be checked on this machine as well."""

    lines: tuple[tuple[str, str], ...]
    command: str = ""
    spec: RunSpec | None = None
    refused: tuple[SetupProblem, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    times: tuple[TimePart, ...] = ()

    @property
    def problem(self) -> str:
        """Why the choices make no run, in words."""
        return "; ".join(each.text for each in self.refused)

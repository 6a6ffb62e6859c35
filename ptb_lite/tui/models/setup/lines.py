"""What the Setup screen draws, as plain values. Light: the first frame needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ptb_lite.spec.run_spec import RunSpec

Mark = Literal["ok", "warn", "bad", "unknown"]


@dataclass(frozen=True)
class ListLine:
    """One entry of a list.

    `facts` is short, `detail` says all there is; `mark` repeats in one of four words whether it
    can be taken: ok, warn (something must be done first), bad (not on this machine), unknown.
    """

    id: str
    mark: Mark
    facts: str
    detail: str


@dataclass(frozen=True)
class Summary:
    """`lines` are a word and a sentence each; `problem` says why the choices cannot be run,
    and `field` is the choice that mends it."""

    lines: tuple[tuple[str, str], ...]
    command: str = ""
    spec: RunSpec | None = None
    problem: str = ""
    field: str = ""

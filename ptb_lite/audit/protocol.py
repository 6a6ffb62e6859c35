"""What a detector is: the protocol behind the entry points `ptb_lite.detectors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, Self, runtime_checkable

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule

Need = Literal["losses", "embedder", "judge"]
"""Evidence that costs models or money. A detector only gets what it says it needs."""


@runtime_checkable
class Detector(Protocol):
    """Looks at a case for one kind of evidence.

    Everything about a detector stands in its module: its entry point names an object of this
    form, under the detector's own name. Subclassing it gives the defaults below.
    """

    name: str
    """Equal to the name of its entry point."""
    deciding: bool = True
    """Whether skipping it leaves the verdict open."""
    rules: tuple[Rule, ...] = ()
    """What its flags mean for the verdict; a flag that none of them fits decides."""
    deductions: ClassVar[Mapping[str, float]] = {}
    """The share of the gain, in [0, 1], that the policy `deduct` takes for a kind of flag."""
    needs: tuple[Need, ...] = ()
    reads_programs: bool = False
    """Whether it goes by the agent's programs (`AuditCase.programs`): those are read once for all
    such detectors, which come first."""
    takes_long: bool = False
    """Whether it goes through all text of a folder: it runs beside the others that go by programs,
    where there is more than one core."""

    def live(self) -> Self | None:
        """The form that runs while the agent is at work: seconds, no models. None: at the end
        only."""
        return None

    def run(self, case: AuditCase) -> DetectorResult:
        """May raise anything: it then counts as skipped, with the error as the reason. Never
        writes into the case."""
        ...

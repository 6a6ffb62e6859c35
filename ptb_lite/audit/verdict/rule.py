"""One named rule of the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ptb_lite.events import Flag


@dataclass(frozen=True)
class Rule:
    """What flags of one detector mean for the verdict.

    A detector says of each flag whether the evidence is proof (a line that only looks like
    cheating is not), and a rule can only make less of it, never more. The first of a detector's
    rules that fits a flag is the flag's rule.
    """

    name: str
    weight: Literal["decides", "informs"]
    """decides: a flag that its detector holds for proof makes the verdict "flagged"; informs:
    shown with its evidence, never a reason for the verdict."""
    why: str
    """One sentence on what such a flag says."""
    kinds: tuple[str, ...] = ()
    """The kinds of flags that it is about; without any, every kind of its detector."""
    tolerated_items: int = 0
    """As many different test items may turn up by accident; beyond it they decide."""
    min_confidence: float = 0.0
    """Below it, in [0, 1], a flag informs."""
    hidden: bool = False
    """What it finds was disguised: only those who expect an audit do that."""
    detector: str = ""
    """Filled in by the registry: nobody makes rules for another detector."""

    def fits(self, flag: Flag) -> bool:
        return flag.detector == self.detector and (not self.kinds or flag.kind in self.kinds)


UNNAMED = Rule(
    name="unnamed-finding",
    detector="any",
    weight="decides",
    why="a detector without a rule of its own found proof",
)
"""For flags that no rule fits: their proof is not to be lost."""

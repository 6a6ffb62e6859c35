"""What a benchmark measured: one row of the table that `scripts/bench` prints."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "PTB_LITE_BENCH_FIGURES"
"""Names the file that collects a session's figures, one JSON object a line."""


@dataclass(frozen=True)
class Figure:
    """`value` of ours in `unit`, beside a peer's of the same session and a limit.

    `better` says which way is good. `peer` and `limit` say what they are, in a few words; `limit`
    is what the machine itself allows (such as the matrix products alone), measured in the same
    session. `target_ratio` is the ratio to the peer to reach, `target_value` the figure,
    `target_distance` the distance to the limit that may be left.
    """

    what: str
    value: float
    unit: str
    better: str = "lower"
    peer: str = ""
    peer_value: float | None = None
    limit: str = ""
    limit_value: float | None = None
    target_ratio: float | None = None
    target_value: float | None = None
    note: str = ""
    target_distance: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better than the peer; None without one."""
        return self._better_than(self.peer_value)

    @property
    def distance(self) -> float | None:
        """How many times the limit is better than ours; 1.0 is as good as can be."""
        better = self._better_than(self.limit_value)
        return None if not better else 1 / better

    @property
    def met(self) -> bool | None:
        """Whether every target that was set is reached; None where none was."""
        reached = []
        if self.target_ratio is not None and self.ratio is not None:
            reached.append(self.ratio >= self.target_ratio)
        if self.target_value is not None:
            under = self.value <= self.target_value
            reached.append(under if self.better == "lower" else self.value >= self.target_value)
        if self.target_distance is not None and self.distance is not None:
            reached.append(self.distance <= self.target_distance)
        return all(reached) if reached else None

    def _better_than(self, other: float | None) -> float | None:
        if other is None or not self.value or not other:
            return None
        return other / self.value if self.better == "lower" else self.value / other


def publish(figure: Figure) -> None:
    """Add a figure to the session's file, where there is one, with the test that measured it."""
    path = os.environ.get(VARIABLE)
    if path:
        # Pytest names the test and, after a space, its stage.
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        line = {**dataclasses.asdict(figure), "test": test}
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

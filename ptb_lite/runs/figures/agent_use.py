"""What the agent's model used, added up from a run's journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ptb_lite.events import AgentEventKind, AgentSpoke, Record
from ptb_lite.runs.journal import JournalFollower

_PIECE = 1 << 20


class AgentUse(Record):
    """Tokens and cost of all processes of the agent, as far as they were told: a lower bound where
    one was ended while it worked, which the journal then warns of."""

    input_tokens: float = 0.0
    cached_input_tokens: float = 0.0
    """Part of `input_tokens`."""
    output_tokens: float = 0.0
    cost_usd: float | None = None
    """None where nobody told it and no price is known."""
    cost_estimated: bool = False
    """By a table of prices, not by the program itself."""

    def words(self) -> str:
        """Empty where nothing was told."""
        if not self.input_tokens and not self.output_tokens:
            return ""
        cached = (
            f" ({self.cached_input_tokens:,.0f} of them cached)" if self.cached_input_tokens else ""
        )
        text = f"{self.input_tokens:,.0f} in{cached}, {self.output_tokens:,.0f} out"
        if self.cost_usd is None:
            return text
        return f"{text}; ${self.cost_usd:,.2f}{', estimated' if self.cost_estimated else ''}"


def read_agent_use(journal: Path) -> AgentUse:
    """Raises OSError when the journal cannot be read."""
    sums: dict[str, float] = {}
    for data in _told(journal):
        for name, figure in data.items():
            sums[name] = sums.get(name, 0.0) + figure
    estimated = bool(sums.pop("cost_estimated", 0.0))
    known = {name: figure for name, figure in sums.items() if name in AgentUse.model_fields}
    return AgentUse(**known, cost_estimated=estimated)


def _told(journal: Path) -> Iterator[dict[str, float]]:
    follower = JournalFollower(journal)
    while True:
        for event in follower.poll(_PIECE):
            spoken = event.payload.event if isinstance(event.payload, AgentSpoke) else None
            if spoken is not None and spoken.kind is AgentEventKind.USAGE:
                yield spoken.data
        if follower.at_end:
            return

"""Whether an agent works: its signs of life, its refused log-ins, its silence. Nothing is done."""

from __future__ import annotations

import re

from ptb_lite.events import AgentEvent, AgentEventKind

STARTUP_SECONDS = 300.0
STARTUP_SHARE = 0.2
# Below this a busy machine that is still starting the program would look like a dead agent.
SHORTEST_STARTUP_SECONDS = 60.0
REFUSALS = 3
_REFUSED = re.compile(
    r"\b40[13]\b|unauthori[sz]ed|unauthenticated|authentication|permission[_ ]denied"
    r"|(invalid|incorrect|missing|no).{0,12}(api.?key|credential|token)"
    r"|not logged in|log ?in again",
    re.IGNORECASE,
)
_LIMITED = re.compile(
    r"\b(429|529)\b|rate.?limit|usage limit|(hit|reached|exceeded) your .{0,20}limit"
    r"|\b(hour(ly)?|daily|weekly|monthly|session|usage|spend(ing)?|credit) (cap|limit)"
    r"|credit balance|quota|too many requests|resource.?exhausted"
    r"|insufficient.{0,10}(credit|balance|funds)",
    re.IGNORECASE,
)
# A session is announced by programs that cannot reach their model, too, but they end or say
# errors; a slow model that is thinking says nothing else for long.
_NO_LIFE = {AgentEventKind.ERROR, AgentEventKind.UNKNOWN}
_WORK = {
    AgentEventKind.MESSAGE,
    AgentEventKind.REASONING,
    AgentEventKind.TOOL_CALL,
    AgentEventKind.TOOL_RESULT,
    AgentEventKind.TRAINING,
}


def startup_limit(budget_seconds: float, chosen_minutes: float | None) -> float:
    """Seconds in which a first event must come: as chosen, or 5 minutes or a fifth of the budget,
    whichever is shorter, but not less than a minute."""
    if chosen_minutes is not None:
        return chosen_minutes * 60
    return max(SHORTEST_STARTUP_SECONDS, min(STARTUP_SECONDS, STARTUP_SHARE * budget_seconds))


class AgentWatch:
    """What the events of one agent say of it. `session_id` is the last one that it named;
    `uncounted`: it worked since it last said how many tokens it used in all; `sub_agents`: it had
    some whose tokens its program does not tell."""

    def __init__(self, startup_seconds: float | None) -> None:
        self._startup_seconds = startup_seconds
        self.session_id: str | None = None
        self.tool_calls = 0
        self._alive = False
        self._refusals = 0
        self._last_refusal = ""
        self._limit = ""
        self.uncounted = False
        self.sub_agents = False

    def begin_turn(self) -> None:
        """A new process of the agent: what the last one said does not count for it."""
        self.tool_calls = 0
        self._alive = False
        self._refusals = 0
        self._limit = ""
        self.uncounted = False
        self.sub_agents = False

    def hear(self, event: AgentEvent) -> None:
        self.session_id = event.session_id or self.session_id
        self.tool_calls += event.kind is AgentEventKind.TOOL_CALL
        self._alive = self._alive or event.kind not in _NO_LIFE
        untold = "uncounted" in event.data
        if event.kind is AgentEventKind.END and not untold:
            self.uncounted = False
        self.sub_agents |= event.kind is AgentEventKind.TOOL_CALL and untold
        if event.kind in _WORK:
            self._refusals = 0
            self._limit = ""
            self.uncounted = True
        elif event.kind is AgentEventKind.ERROR:
            if _LIMITED.search(event.text):
                self._limit = event.text
            elif _REFUSED.search(event.text):
                self._refusals += 1
                self._last_refusal = event.text

    def rate_limit(self) -> str | None:
        """What its program said last, where that was that a limit of its account or of its model's
        server is met."""
        return self._limit[:300] or None

    def problem(self, seconds: float) -> str | None:
        """Why the agent should be ended, `seconds` after its process was started; None: it is well.

        Without a startup limit silence is no problem.
        """
        if self._refusals >= REFUSALS:
            return f"{self._refusals} authentication errors in a row: {self._last_refusal[:200]}"
        limit = self._startup_seconds
        if limit is not None and not self._alive and seconds > limit:
            return f"silent for the first {limit:g} seconds"
        return None


class Silence:
    """The longest time, in seconds, between two signs of activity."""

    def __init__(self, now: float) -> None:
        self._last = now
        self.longest = 0.0

    def note(self, now: float, *, active: bool) -> None:
        self.longest = max(self.longest, now - self._last)
        if active:
            self._last = now

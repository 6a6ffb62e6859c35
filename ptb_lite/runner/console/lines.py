"""Events as plain lines for people. Text of the agent is escaped: it cannot steer a terminal."""

from __future__ import annotations

from datetime import datetime

from ptb_lite.events import (
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    EvaluationProgressed,
    Event,
    FlagRaised,
    HostAsked,
    HubRequested,
    PhaseFinished,
    PhaseStarted,
    PreparationProgressed,
    RunFinished,
    RunResumed,
    RunStarted,
)
from ptb_lite.narrate import event_words
from ptb_lite.text import escaped

_MAX_SHOWN = 160
_MAX_FLAGS = 20
_MAX_WORDS = 400
_EVERY_SECONDS = 5.0


def _said(text: str, longest: int = _MAX_SHOWN) -> str:
    return escaped(text.strip(), longest)


class PlainLines:
    """Turns a stream of events into lines, leaving out what comes too often to be read."""

    def __init__(self) -> None:
        self._begun: datetime | None = None
        self._last_shown: dict[str, datetime] = {}
        self._flags = 0
        self._live = False

    def of(self, event: Event) -> list[str]:
        """The lines of one event, each with the time since the first event; often none."""
        if self._begun is None:
            self._begun = event.time
        text = self._text(event)
        if not text:
            return []
        seconds = max(0, int((event.time - self._begun).total_seconds()))
        return [f"{seconds // 60:3d}:{seconds % 60:02d}  {text}"]

    def _text(self, event: Event) -> str:
        said = event.payload
        words = escaped(event_words(said), _MAX_WORDS)
        match said:
            case RunStarted() | RunResumed() | PhaseStarted() | PhaseFinished() | RunFinished():
                return words
            case AgentSpoke(event=spoken):
                return self._agent(event, spoken)
            case FlagRaised():
                return self._flag(said, words)
            case EvaluationProgressed():
                return self._often(event, "evaluation", f"  {words}")
            case PreparationProgressed(total_bytes=total) if total > 0:
                return self._often(event, "preparation", f"  {words}")
            case HostAsked(allowed=allowed) | HubRequested(allowed=allowed):
                return "" if allowed else self._often(event, said.type, f"  {words}")
        return f"  {words}" if words else ""

    def _agent(self, event: Event, spoken: AgentEvent) -> str:
        line = self._agent_line(event, spoken)
        return line.replace("  | ", "  | (sub-agent) ", 1) if spoken.parent else line

    def _agent_line(self, event: Event, spoken: AgentEvent) -> str:
        match spoken.kind:
            case AgentEventKind.TRAINING:
                data = spoken.data
                return self._often(
                    event,
                    "training",
                    f"  | training step {data.get('step', 0):.0f} of {data.get('steps', 0):.0f}, "
                    f"loss {data.get('loss', float('nan')):.3f}",
                )
            case AgentEventKind.USAGE | AgentEventKind.UNKNOWN | AgentEventKind.SESSION:
                return ""
            case AgentEventKind.MESSAGE | AgentEventKind.REASONING:
                return f"  | {_said(spoken.text)}" if spoken.text.strip() else ""
            case AgentEventKind.TOOL_CALL:
                return f"  | $ {_said(spoken.text)}"
            case AgentEventKind.TOOL_RESULT:
                return f"  | > {_said(spoken.text)}" if spoken.text.strip() else ""
            case AgentEventKind.ERROR:
                # The way out stands at its end.
                return f"  | error: {_said(spoken.text, _MAX_WORDS)}"
            case AgentEventKind.NOTE:
                return f"  | note: {_said(spoken.text)}"
            case AgentEventKind.END:
                return ""

    def _often(self, event: Event, what: str, text: str) -> str:
        """`text` at most every few seconds for each kind of thing."""
        last = self._last_shown.get(what)
        if last is not None and (event.time - last).total_seconds() < _EVERY_SECONDS:
            return ""
        self._last_shown[what] = event.time
        return text

    def _flag(self, raised: FlagRaised, words: str) -> str:
        """Those of the final audit are counted anew."""
        self._flags = 1 if self._live and not raised.live else self._flags + 1
        self._live = raised.live
        if self._flags > _MAX_FLAGS:
            more = "  further flags are in audit.json"
            return more if self._flags == _MAX_FLAGS + 1 else ""
        return f"  {words}"

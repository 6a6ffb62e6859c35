"""Events as plain lines for people. Text of the agent is escaped: it cannot steer a terminal."""

from __future__ import annotations

from datetime import datetime

from ptb_lite.events import (
    AgentEnded,
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    AgentStarted,
    EvaluationFinished,
    EvaluationPlanned,
    EvaluationProgressed,
    Event,
    FlagRaised,
    HostAsked,
    HubRequested,
    JudgeVoteAsked,
    JudgeVoteCounted,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunResumed,
    RunStarted,
    SubmissionRefused,
    SubmissionSealed,
    VerdictReached,
    Warned,
)
from ptb_lite.report.words import vote_words

_MAX_SHOWN = 160
_MAX_FLAGS = 20
_MAX_REASONS = 400
_EVERY_SECONDS = 5.0


def printable(text: str, limit: int = _MAX_SHOWN) -> str:
    """`text` on one line, control and direction characters escaped, cut to `limit`."""
    shown = "".join(
        char if char.isprintable() else repr(char)[1:-1] for char in text[: limit + 1].strip()
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


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
        match event.payload:
            case RunStarted(run_id=run_id):
                return f"run {run_id}"
            case RunResumed(phase=phase, reason=reason):
                return f"resumed at {phase.value} ({printable(reason)})"
            case PhaseStarted(phase=phase):
                return f"{phase.value} …"
            case PhaseFinished() as end:
                detail = f": {printable(end.detail)}" if end.detail else ""
                return f"{end.phase.value} {end.outcome.value} in {end.seconds:.1f} s{detail}"
            case EvaluationPlanned(reasons=reasons):
                return f"  evaluated with {printable('; '.join(reasons), _MAX_REASONS)}"
            case EvaluationProgressed() as at:
                return self._often(
                    event, "evaluation", f"  {at.label} {at.benchmark}: {at.done} of {at.total}"
                )
            case EvaluationFinished() as end:
                cached = end.from_cache
                when = f"measured {cached:%Y-%m-%d %H:%M} UTC, from the cache" if cached else ""
                return (
                    f"  {end.label} {end.benchmark}: {end.score:.1%} "
                    f"[{end.low:.1%}, {end.high:.1%}], n = {end.n}, "
                    f"{when or f'{end.seconds:.1f} s'}"
                )
            case AgentStarted() as start:
                return (
                    f"  agent {start.backend} in sandbox {start.sandbox}, "
                    f"{start.budget_seconds / 60:.1f} minutes"
                )
            case AgentSpoke(event=spoken):
                return self._agent(event, spoken)
            case AgentEnded() as end:
                detail = f": {printable(end.detail)}" if end.detail else ""
                return f"  agent {end.outcome.value} after {end.seconds:.1f} s{detail}"
            case HubRequested(allowed=False, repo=repo, path=path, reason=reason):
                text = f"  the Hub, {printable(repo)} {printable(path)}: {printable(reason)}"
                return self._often(event, "hub", text)
            case HostAsked(host=host, port=port, allowed=False):
                text = f"  asked for {printable(host)}:{port}, which is not let through"
                return self._often(event, "host", text)
            case SubmissionSealed() as seal:
                return f"  sealed {seal.files} files, sha256 {seal.sha256[:16]}"
            case SubmissionRefused(reason=reason):
                return f"  no valid submission: {printable(reason)}"
            case FlagRaised() as raised:
                return self._flag(raised)
            case JudgeVoteAsked() | JudgeVoteCounted() as vote:
                return f"  {printable(vote_words(vote), _MAX_REASONS)}"
            case VerdictReached(verdict=verdict, reason=reason):
                return f"  verdict: {verdict.value} ({printable(reason)})"
            case Warned(message=message):
                return f"  warning: {printable(message)}"
            case RunFinished(outcome=outcome):
                return f"run {outcome.value}"
        return ""

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
                return f"  | {printable(spoken.text)}" if spoken.text.strip() else ""
            case AgentEventKind.TOOL_CALL:
                return f"  | $ {printable(spoken.text)}"
            case AgentEventKind.TOOL_RESULT:
                return f"  | > {printable(spoken.text)}" if spoken.text.strip() else ""
            case AgentEventKind.ERROR:
                return f"  | error: {printable(spoken.text)}"
            case AgentEventKind.NOTE:
                return f"  | note: {printable(spoken.text)}"
            case AgentEventKind.END:
                return ""

    def _often(self, event: Event, what: str, text: str) -> str:
        """`text` at most every few seconds for each kind of thing."""
        last = self._last_shown.get(what)
        if last is not None and (event.time - last).total_seconds() < _EVERY_SECONDS:
            return ""
        self._last_shown[what] = event.time
        return text

    def _flag(self, raised: FlagRaised) -> str:
        """`seen` while the agent works, and again as FLAG or note by the final audit."""
        self._flags = 1 if self._live and not raised.live else self._flags + 1
        self._live = raised.live
        if self._flags > _MAX_FLAGS:
            more = "  further flags are in audit.json"
            return more if self._flags == _MAX_FLAGS + 1 else ""
        flag = raised.flag
        where = f" {printable(flag.file)}" if flag.file else ""
        line = f":{flag.line}" if flag.line is not None else ""
        mark = "seen" if raised.live else "FLAG" if flag.decides else "note"
        return f"  {mark} [{flag.detector}]{where}{line} {printable(flag.message)}"

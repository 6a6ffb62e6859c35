"""A flag or an event in words, once: console, app, report and Markdown differ in layout only.

The text is as its author wrote it; who shows it escapes and bounds it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ptb_lite.events import (
    AgentEnded,
    AgentStarted,
    EvaluationFinished,
    EvaluationPlanned,
    EvaluationProgressed,
    Flag,
    FlagRaised,
    HostAsked,
    HubRequested,
    JudgeVoteAsked,
    JudgeVoteCounted,
    Payload,
    PhaseFinished,
    PhaseStarted,
    PreparationProgressed,
    RunFinished,
    RunResumed,
    RunStarted,
    SubmissionRefused,
    SubmissionSealed,
    VerdictReached,
    Warned,
)
from ptb_lite.runs.records import Success
from ptb_lite.text import duration, percent, plural


def success_words(success: Success) -> list[str]:
    """What was declared and whether it came true; then a line a term that is not met."""
    lines = [f"declared success: {success.told} ({success.declared})"]
    for term in success.terms:
        if term.told != "met":
            more = f"; about {term.needed_n:,} items would tell" if term.needed_n else ""
            lines.append(f"  {term.term}: {term.told} ({term.why}{more})")
    return lines


def severity(flag: Flag) -> str:
    """A violation makes the verdict "flagged"; a note does not."""
    return "violation" if flag.decides else "note"


def flag_place(flag: Flag, nowhere: str = "") -> str:
    """File and line, as an editor takes them."""
    if not flag.file:
        return nowhere
    return flag.file if flag.line is None else f"{flag.file}:{flag.line}"


def flag_name(flag: Flag) -> str:
    """Detector and kind."""
    return f"{flag.detector}/{flag.kind}"


def flag_words(flag: Flag) -> str:
    """The whole flag on one line: severity, detector and kind, place, message and test item."""
    place = flag_place(flag)
    item = f" [test item {flag.item_id}]" if flag.item_id else ""
    where = f" {place}" if place else ""
    return f"{severity(flag)} {flag_name(flag)}{where}: {flag.message}{item}"


def flags_count(flags: Iterable[Flag]) -> str:
    """How many there are: "2 violations, 1 note"; "no flags" where there is none."""
    kinds = [severity(flag) for flag in flags]
    counts = ((kinds.count(word), word) for word in ("violation", "note"))
    return ", ".join(plural(count, word) for count, word in counts if count) or "no flags"


def vote_words(vote: JudgeVoteAsked | JudgeVoteCounted) -> str:
    """What happened to a vote of the audit's judge; the reason in it is as the judge gave it."""
    of = f"vote {vote.vote} of {vote.votes}"
    match vote:
        case JudgeVoteAsked():
            return f"judge {vote.judge}: {of} asked, up to {duration(vote.seconds)}"
        case JudgeVoteCounted():
            heard = vote.answer or f"lost ({vote.reason})"
            return f"judge: {of}: {heard} after {duration(vote.seconds)}"


def event_words(payload: Payload) -> str:
    """What happened, on one line; empty for figures and for the agent's own words."""
    match payload:
        case RunStarted(run_id=run_id, version=version):
            return f"run {run_id} with ptb-lite {version}"
        case RunResumed(phase=phase, reason=reason):
            return f"resumed at {phase.value}: {reason}"
        case PhaseStarted(phase=phase):
            return f"{phase.value} began"
        case PhaseFinished() as end:
            return _ended(end.phase.value, end)
        case PreparationProgressed() as at:
            return preparation_words(at)
        case EvaluationPlanned(reasons=reasons):
            return f"evaluated with {'; '.join(reasons)}"
        case EvaluationProgressed() as at:
            return f"{_label(at.label)} {at.benchmark}: {at.done} of {at.total}"
        case EvaluationFinished() as end:
            return (
                f"{_label(end.label)} {end.benchmark}: {percent(end.score)} "
                f"[{percent(end.low)}, {percent(end.high)}], n = {end.n}, {_measured(end)}"
            )
        case AgentStarted() as start:
            return (
                f"agent {start.backend} in sandbox {start.sandbox}, "
                f"budget {duration(start.budget_seconds)}"
            )
        case AgentEnded() as end:
            return _ended("agent", end)
        case HostAsked(host=host, port=port, allowed=allowed):
            return f"the agent asked for {host}:{port}: {'reached' if allowed else 'refused'}"
        case HubRequested(repo=repo, path=path, allowed=allowed, reason=reason):
            outcome = "let through" if allowed else f"refused: {reason}"
            return f"the agent asked the Hub for {repo} {path}: {outcome}"
        case SubmissionSealed() as seal:
            size = f"{seal.bytes / 1e6:.1f} MB"
            return f"sealed {plural(seal.files, 'file')}, {size}, sha256 {seal.sha256[:16]}"
        case SubmissionRefused(reason=reason):
            return f"no valid submission: {reason}"
        case FlagRaised(flag=flag, live=live):
            return f"{'seen: ' if live else ''}{flag_words(flag)}"
        case JudgeVoteAsked() | JudgeVoteCounted():
            return vote_words(payload)
        case VerdictReached(verdict=verdict, reason=reason):
            return f"verdict: {verdict.value} ({reason})"
        case Warned(message=message):
            return f"warning: {message}"
        case RunFinished(outcome=outcome, detail=detail):
            return f"run {outcome.value.replace('_', ' ')}{f': {detail}' if detail else ''}"
    return ""


def preparation_words(at: PreparationProgressed) -> str:
    """What is prepared, and how much of it is here."""
    if at.total_bytes <= 0:
        return at.what
    return f"{at.what}: {at.done_bytes / 1e6:,.0f} of {at.total_bytes / 1e6:,.0f} MB"


def _ended(what: str, end: PhaseFinished | AgentEnded) -> str:
    detail = f": {end.detail}" if end.detail else ""
    return f"{what} {end.outcome.value.replace('_', ' ')} after {duration(end.seconds)}{detail}"


def _label(label: str) -> str:
    return label.replace("_", "-")


def _measured(end: EvaluationFinished) -> str:
    if end.from_cache is None:
        return duration(end.seconds)
    return f"measured {end.from_cache:%Y-%m-%d %H:%M} UTC, from the cache"

"""A flag or an event in words, once: console, app, report and Markdown differ in layout only.

The text is as its author wrote it; who shows it escapes and bounds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ptb_lite.audit.record import AuditRecord
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
    Verdict,
    VerdictReached,
    Warned,
)
from ptb_lite.ledger_notes import (
    CommandSeen,
    LedgerChanged,
    ModelScored,
    SubmissionChanged,
    TrainingBegan,
    TrainingEnded,
)
from ptb_lite.runs.records import BenchmarkScores, OffTargetScores, Paired, Scores, Success
from ptb_lite.text import duration, percent, plural


@dataclass(frozen=True)
class Answer:
    """One question about a run, answered: a word, and the figures behind it."""

    question: str
    word: str
    text: str
    good: bool | None = None
    """None: neither good nor bad."""


def gain_answer(scores: Scores) -> Answer:
    """Whether the submission is better than prompting alone, by the paired tests."""
    question = "Gain real?"
    if scores.no_score:
        what = scores.no_score.removeprefix("No score: ")
        _, _, why = scores.submission_reason.partition(": ")
        why = why or scores.submission_reason
        return Answer(question, "NO SCORE", f"{what}: {why}" if why else what, False)
    tests = [each.after_vs_few_shot for each in scores.benchmarks]
    told = [test for test in tests if test is not None]
    if not told:
        return Answer(question, "CANNOT BE TOLD", "nothing was tested against few-shot")
    gained = sum(test.p_value < 0.05 and test.difference > 0 for test in told)
    lost = sum(test.p_value < 0.05 and test.difference < 0 for test in told)
    if len(told) == 1:
        (test,) = told
        figures = (
            f"{100 * test.difference:+.1f} points over few-shot "
            f"[{100 * test.low:+.0f}, {100 * test.high:+.0f}]"
        )
        word = "YES" if gained else "NO" if lost else "NOT SHOWN"
        return Answer(question, word, figures, True if gained else False if lost else None)
    word = "YES" if gained and not lost else "NO" if lost and not gained else "MIXED"
    word = word if gained or lost else "NOT SHOWN"
    good = {"YES": True, "NO": False}.get(word)
    each = "; ".join(
        f"{item.benchmark} {100 * paired.difference:+.1f} "
        f"[{100 * paired.low:+.0f}, {100 * paired.high:+.0f}]"
        for item in scores.benchmarks
        if (paired := item.after_vs_few_shot) is not None
    )
    figures = f"{gained} of {plural(len(told), 'benchmark')} gained over few-shot, {lost} lost"
    return Answer(question, word, f"{figures}, in points: {each}", good)


def trust_answer(scores: Scores, audit: AuditRecord | None) -> Answer:
    """The verdict in force, and what looked at the run."""
    ran = detectors_count(audit) if audit is not None else verdict_reason(scores.verdict_reason)
    words = {Verdict.CLEAN: True, Verdict.FLAGGED: False, Verdict.INCONCLUSIVE: None}
    text = ran if scores.verdict is Verdict.CLEAN else verdict_reason(scores.verdict_reason)
    if scores.overrule is not None:
        text = f"overruled by {scores.overrule.by}: {text}"
    return Answer("Trust it?", scores.verdict.value.upper(), text, words[scores.verdict])


def score_answer(scores: Scores) -> Answer:
    """Raw and counted."""
    raw, counted = scores.average.raw, scores.average.counted
    same = raw == counted
    word = f"raw {percent(raw)} {'=' if same else '→'} counted {percent(counted)}"
    return Answer("Score", word, "" if same else f"policy {scores.policy}")


def success_answer(scores: Scores) -> Answer | None:
    """What was declared before the run, and whether it came true; None where nothing was."""
    found = scores.success
    if found is None:
        return None
    good = {"met": True, "not met": False}.get(found.told)
    return Answer("Success", found.told.upper(), f"declared: {found.declared}", good)


def off_target_answer(scores: Scores) -> Answer | None:
    """What became of the benchmarks that were no target; None where none was measured."""
    found = scores.off_target
    if found is None:
        return None
    good = {"harmful": False, "broad": True}.get(found.reach)
    changes = "; ".join(f"{one.benchmark} {_off_target(one)}" for one in found.benchmarks)
    return Answer("Off target", found.reach.upper(), changes, good)


def seeds_answer(counted: Mapping[int, float]) -> Answer:
    """The counted scores of runs that differ in nothing but the seed, by seed."""
    if len(counted) < 2:
        return Answer("Seeds", str(len(counted)), "spread unknown: another seed would tell")
    low, high = min(counted.values()), max(counted.values())
    spread = f"counted {percent(low)} to {percent(high)}"
    return Answer("Seeds", str(len(counted)), f"{spread} with seeds {_listed(counted)}")


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


def success_words(success: Success) -> list[str]:
    """What was declared and whether it came true; then a line a term that is not met."""
    lines = [f"declared success: {success.told} ({success.declared})"]
    for term in success.terms:
        if term.told != "met":
            more = f"; about {term.needed_n:,} items would tell" if term.needed_n else ""
            lines.append(f"  {term.term}: {term.told} ({term.why}{more})")
    return lines


# How earlier versions said of a clean verdict how many detectors ran.
_FOUND_NOTHING = re.compile(r"(?:nothing-decides: )?(\d+ detectors?) found nothing that decides")


def verdict_reason(reason: str) -> str:
    """Why a verdict is what it is; what earlier versions wrote is said as it is said now."""
    return _FOUND_NOTHING.sub(r"\1 ran", reason)


def detector_lines(audit: AuditRecord) -> list[str]:
    """How many detectors ran, then why each of the others could not, then what ran."""
    absent = [result for result in audit.results if result.status == "skipped"]
    ran = [result for result in audit.results if result.status != "skipped"]
    lines = [detectors_count(audit)]
    lines += [f"could not run: {each.detector}: {each.reason or 'no reason'}" for each in absent]
    return [*lines, *(f"ran: {each.detector}: {each.status}" for each in ran)]


def detectors_count(audit: AuditRecord) -> str:
    """ "9 detectors ran, 4 could not"."""
    absent = sum(result.status == "skipped" for result in audit.results)
    ran = f"{plural(len(audit.results) - absent, 'detector')} ran"
    return f"{ran}, {absent} could not" if absent else ran


def gain_words(scores: Scores) -> list[str]:
    """What the run came to, for a reader with a minute: each target's gain over few-shot with its
    interval and counted against raw; then what became of the benchmarks that were no target."""
    return [*map(_gain, scores.benchmarks), *off_target_words(scores)]


def off_target_words(scores: Scores) -> list[str]:
    """Each benchmark that was no target, then whether the gain is narrow, broad or harmful."""
    found = scores.off_target
    if found is None:
        return []
    lines = [f"off-target {one.benchmark}: {_off_target(one)}" for one in found.benchmarks]
    return [*lines, f"{_REACH.get(found.reach, found.reach)}: {found.why}"]


_REACH = {
    "harmful": "the training is harmful",
    "no gain": "there is no gain to be narrow or broad",
    "broad": "the gain is broad",
    "narrow": "the gain is narrow",
    "cannot be told": "whether the gain is narrow or broad cannot be told",
}


def _gain(one: BenchmarkScores) -> str:
    test, counted, raw = one.after_vs_few_shot, one.counted, one.raw
    gain = f"{_points(test)}" if test else "not measured"
    what = f"{one.benchmark}: gain over few-shot {gain}"
    if counted is None or raw is None:
        return what
    return f"{what}; counted {percent(counted.score)}, raw {percent(raw.score)}"


def _off_target(one: OffTargetScores) -> str:
    if one.before is None or one.after is None or one.change is None:
        return one.not_scored or "nothing was scored after"
    return f"{percent(one.before.score)} to {percent(one.after.score)}, {_points(one.change)}"


def _points(test: Paired) -> str:
    low, high = 100 * test.low, 100 * test.high
    p_value = "p < 0.001" if test.p_value < 1e-3 else f"p = {test.p_value:.3f}"
    return f"{100 * test.difference:+.1f} points ({low:+.1f} to {high:+.1f}, {p_value})"


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
    """The whole flag on one line: severity, detector and kind, place, message and test item.

    The item is added where the message does not name it.
    """
    place = flag_place(flag)
    named = flag.item_id is None or flag.item_id in flag.message
    item = "" if named else f" [test item {flag.item_id}]"
    where = f" {place}" if place else ""
    return f"{severity(flag)} {flag_name(flag)}{where}: {flag.message}{item}"


def flag_lines(flags: Iterable[Flag], most: int, rest: str) -> Iterator[str]:
    """At most so many flags, violations first; `rest` says where those beyond stand."""
    ordered = sorted(flags, key=lambda flag: not flag.decides)
    for flag in ordered[:most]:
        yield f"  {flag_words(flag)}"
    if len(ordered) > most:
        yield f"  and {plural(len(ordered) - most, 'more flag')} {rest}"


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


def votes_counted(vote: JudgeVoteAsked | JudgeVoteCounted) -> int:
    """How many of the judge's votes there are: of one that is asked, those before it."""
    return vote.vote if isinstance(vote, JudgeVoteCounted) else vote.vote - 1


def votes_words(vote: JudgeVoteAsked | JudgeVoteCounted) -> str:
    """How far the judge is."""
    return f"judge: {votes_counted(vote)} of {vote.votes} votes counted"


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
            sofar = f", {percent(at.score)} of {at.graded} so far" if at.graded else ""
            return f"{_label(at.label)} {at.benchmark}: {at.done} of {at.total}{sofar}"
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
        case TrainingBegan() as note:
            rows = plural(note.rows, "row")
            return f"training of {plural(note.steps, 'step')} on {rows} of {note.file}"
        case TrainingEnded() as note:
            return f"training {note.outcome.value.replace('_', ' ')} after {note.steps} steps"
        case ModelScored(model=model, benchmark=benchmark, split=split, score=score, n=n):
            return f"{model} on {split} of {benchmark}: {percent(score, 'not scored')} (n = {n})"
        case CommandSeen(what=what, command=command):
            return f"{what} seen in trace: {command}"
        case LedgerChanged():
            return "the agent replaced or shortened its ledger: what that says is incomplete"
        case SubmissionChanged(files=files, bytes=held):
            return f"final_model/ holds {plural(files, 'file')}, {held / 1e6:.1f} MB"
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
            return f"verdict: {verdict.value} ({verdict_reason(reason)})"
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
    detail = f": {verdict_reason(end.detail)}" if end.detail else ""
    return f"{what} {end.outcome.value.replace('_', ' ')} after {duration(end.seconds)}{detail}"


def _label(label: str) -> str:
    return label.replace("_", "-")


def _measured(end: EvaluationFinished) -> str:
    if end.from_cache is None:
        return duration(end.seconds)
    return f"measured {end.from_cache:%Y-%m-%d %H:%M} UTC, from the cache"

"""The words of the Run screen: what a snapshot says, as pieces of text with the name of a look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from ptb_lite.events import Outcome, Phase, Verdict
from ptb_lite.narrate import flag_place, flags_count
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, one_line, plural
from ptb_lite.tui.models.run.phases import PhaseState, PhaseView
from ptb_lite.tui.models.run.source import RunState
from ptb_lite.tui.models.run.view import FlagView, RunSnapshot

# (text, style): the style is a variable of the app's themes, or empty.
Span = tuple[str, str]

GOOD, BAD, CARE, DIM, STRONG = (
    "$text-success",
    "bold $text-error",
    "$text-warning",
    "$foreground 65%",
    "bold",
)
_BLOCKS = "▁▂▃▄▅▆▇█"
_ENDS = {
    Outcome.FINISHED: ("✓", GOOD),
    Outcome.TIME_EXCEEDED: ("✓", CARE),
    Outcome.STOPPED: ("■", CARE),
    Outcome.RATE_LIMITED: ("■", CARE),
    Outcome.INTERRUPTED: ("!", CARE),
    Outcome.FAILED: ("✗", BAD),
}
_VERDICTS = {Verdict.CLEAN: GOOD, Verdict.FLAGGED: BAD, Verdict.INCONCLUSIVE: CARE}


def strip_line(
    phases: Sequence[PhaseView], no_score: str = "", now: datetime | None = None, width: int = 80
) -> list[Span]:
    """All phases on one line: done, at work with a bar, waiting; without a submission none was
    sealed."""
    spans: list[Span] = []
    # What all the names take, and a figure, is not the bar's.
    room = width - sum(len(view.phase.value) + 3 for view in phases) - 7
    for view in phases:
        if view.state is PhaseState.RUNNING:
            spans += [("▶", "$text-primary"), (view.phase.value, "bold $text-primary")]
            done = view.done(now) if now is not None else None
            if done is not None:
                shown = f" {bar(done, min(20, room))}" if room >= 4 else ""
                spans += [(shown, "$text-primary"), (f" {100 * done:.0f} %", "")]
        elif view.outcome is not None:
            nothing = no_score and view.phase in (Phase.SEAL, Phase.EVALUATE)
            mark, style = ("✗", CARE) if nothing else _ENDS[view.outcome]
            spans += [(mark, style), (view.phase.value, "")]
        else:
            spans += [("·", DIM), (view.phase.value, DIM)]
        spans.append(("  ", ""))
    return spans[:-1]


def what_line(spec: RunSpec) -> str:
    """What is run: base model, agent, benchmarks, items and time box."""
    agent = f"{spec.agent} {spec.agent_model}" if spec.agent_model else spec.agent
    items = f" {plural(spec.limit, 'item')}" if spec.limit else ""
    names = ", ".join(spec.benchmarks[:3])
    more = f" and {len(spec.benchmarks) - 3} more" if len(spec.benchmarks) > 3 else ""
    minutes = duration(60 * spec.budget_minutes).removesuffix(" 00 s")
    return one_line(f"{spec.model} · {agent} · {names}{more}{items} · time box {minutes}", 300)


def facts_line(shot: RunSnapshot, submitted: str = "", width: int = 200) -> list[Span]:
    """What is submitted by now, what was found, and the scores so far; `submitted` is what lies in
    the workspace while the agent is at work. Where `width` cells do not hold it the scores have a
    line of their own."""
    if shot.no_score:
        submitted, style = "NOTHING", BAD
    elif shot.sealed_bytes is not None:
        submitted, style = f"{shot.sealed_bytes / 1e6:.1f} MB, sealed", GOOD
    else:
        style = CARE if submitted.isupper() else ""
    spans: list[Span] = []
    if submitted:
        spans += [("Submitted ", DIM), (submitted, style), ("   ", "")]
    deciding = sum(view.flag.decides for view in shot.flags)
    notes = len(shot.flags) - deciding
    more = "+" if shot.more_flags else ""
    spans += [("Violations ", DIM), (f"{deciding}{more}", BAD if deciding else "")]
    spans += [("  Notes ", DIM), (f"{notes}{more}", CARE if notes else "")]
    scores = _scores(shot)
    whole = sum(len(text) for text, _ in (*spans, *scores)) + 3
    return [*spans, ("\n" if scores and whole > width else "   ", ""), *scores]


def _scores(shot: RunSnapshot) -> list[Span]:
    """Each pass's score in percent with its interval; of several benchmarks the mean."""
    spans: list[Span] = []
    for label, word in (("zero_shot", "zero"), ("few_shot", "few"), ("after", "after")):
        found = {each.benchmark: each for each in shot.scores if each.label == label}
        if not found:
            continue
        mean = 100 * sum(each.score for each in found.values()) / len(found)
        only = next(iter(found.values()))
        aside = f"mean of {len(found)}"
        if len(found) == 1:
            aside = f"{100 * only.low:.0f}–{100 * only.high:.0f}"
        spans += [(f"{word} ", DIM), (f"{mean:.1f}", STRONG), (f" [{aside}]  ", "")]
    if shot.feedback_score is not None:
        spans += [("feedback ", DIM), (f"{100 * shot.feedback_score:.1f}", STRONG)]
    return spans


OPENS = "r opens the result."


def at_line(shot: RunSnapshot, state: RunState, now: datetime, opens: str = OPENS) -> list[Span]:
    """What the run is at and the time left; or how it ended, and the way on: `opens`."""
    if state is RunState.GONE:
        return [("The run's folder is gone: it was moved or deleted while it was shown.", BAD)]
    if shot.outcome is not None and state is not RunState.GOING:
        return _ended(shot, opens)
    if state is RunState.SILENT:
        return [
            ("Its runner ended without a word. ", CARE),
            (f"`ptb-lite resume {shot.run_id}` continues it from its last finished phase.", ""),
        ]
    current = next((view for view in shot.phases if view.phase is shot.current), None)
    if current is None:
        return [("waiting for the next phase …", DIM)]
    return _running(shot, current, now)


def countdown(shot: RunSnapshot, now: datetime) -> list[Span]:
    """The agent's budget: what is left of it, or what it used."""
    agent = shot.agent
    if agent is None:
        return []
    left = agent.left(now)
    if left is not None:
        style = CARE if left < 0.1 * agent.budget_seconds else STRONG
        return [
            (f"{clock(left)}", style),
            (f" of {clock(agent.budget_seconds)} left to {agent.backend}", DIM),
        ]
    used = agent.seconds or 0.0
    how = agent.outcome.value.replace("_", " ") if agent.outcome else ""
    return [(f"{agent.backend} used {clock(used)} of {clock(agent.budget_seconds)}: {how}", DIM)]


def flag_spans(view: FlagView, audited: bool, count: int = 1) -> list[Span]:
    """A flag on one line, the worst of `count` alike. V is a violation, n a note."""
    flag = view.flag
    place = f" {one_line(flag_place(flag), 120)}" if flag.file else ""
    when = ""
    if view.live:
        when = " (live, not in the final audit)" if audited else " (live)"
    return [
        ("V ", BAD) if flag.decides else ("n ", CARE),
        (one_line(flag.detector, 40), STRONG),
        (f" ×{count}" if count > 1 else "", STRONG),
        (place, ""),
        (when, DIM),
        (f" {one_line(flag.message, 160)}", DIM),
    ]


def flags_title(shot: RunSnapshot) -> str:
    if not shot.flags:
        return "Flags: none so far" if not shot.audited else "Flags: none"
    more = f", {shot.more_flags} more in audit.json" if shot.more_flags else ""
    return f"Flags: {flags_count(view.flag for view in shot.flags)}{more}"


def small_line(shot: RunSnapshot) -> list[Span]:
    """What the panels show, on one line, for where there is no room for them."""
    spans: list[Span] = []
    if shot.training is not None:
        loss = f"{shot.training.loss:.3f}" if is_finite(shot.training.loss) else "-"
        spans.append((f"step {shot.training.step:.0f}/{shot.training.steps:.0f} loss {loss}  ", ""))
    if shot.device is not None:
        last = shot.device.last
        spans.append((f"CPU {share_text(last.cpu)}", ""))
        if last.gpu is not None:
            spans.append((f" GPU {share_text(last.gpu)}", ""))
        spans.append(("  ", ""))
    return spans or [("no figures yet", DIM)]


def stop_words(shot: RunSnapshot, submitted: str = "") -> str:
    """What stopping now means, and what is kept; `submitted` says what would be scored."""
    if shot.current is Phase.AGENT:
        return (
            f"{submitted}\n\nThe agent is ended now. What it has submitted so far is kept: it is "
            "sealed, audited and scored, and the run goes on to its report. The agent does not get "
            "its time back."
        ).strip()
    return (
        "The run ends here, as stopped. All phases that have finished are kept, and so is all that "
        f"the agent has made; `ptb-lite resume {shot.run_id}` goes on with this phase."
    )


def left_out(shot: RunSnapshot, *, newer: int, skipped: int) -> str:
    """What of the journal could not be shown; empty for nothing."""
    said = []
    if newer:
        events = plural(newer, "event")
        said.append(f"{events} of a newer ptb-lite left out: update ptb-lite to see more")
    if skipped:
        said.append(f"{plural(skipped, 'damaged line')} of the journal left out")
    if shot.impossible:
        said.append(f"{plural(shot.impossible, 'event')} with impossible figures")
    return ". ".join(said)


def clock(seconds: float) -> str:
    """Seconds as a clock shows them: "3:09", "2:05:00"."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def bar(share: float, cells: int) -> str:
    """A bar of `cells` cells."""
    filled = round(min(1.0, max(0.0, share)) * cells)
    return "█" * filled + "░" * (cells - filled)


def sparkline(shares: Sequence[float], cells: int) -> str:
    """The newest `cells` of some shares in [0, 1], one character each."""
    newest = shares[-cells:] if cells > 0 else ()
    return "".join(_BLOCKS[min(7, int(share * 8))] for share in newest)


def _running(shot: RunSnapshot, view: PhaseView, now: datetime) -> list[Span]:
    if view.phase is Phase.AGENT and shot.agent is not None:
        return [*countdown(shot, now), *_cut(shot, now)]
    left = view.left(now)
    rest = f"about {duration(left)} left" if left is not None else f"for {clock(view.elapsed(now))}"
    spans: list[Span] = [(f"{view.phase.value} ", STRONG), (rest, DIM)]
    if view.label:
        spans.append((f"  {one_line(view.label, 60)}", ""))
    return spans


def _cut(shot: RunSnapshot, now: datetime) -> list[Span]:
    """That the deadline comes before the training's last step."""
    left = shot.agent.left(now) if shot.agent is not None else None
    training = shot.training
    if left is None or training is None:
        return []
    # What was trained since the newest figures counts, too.
    silent = max(0.0, (now - training.time).total_seconds())
    reached, how = training.by(left + silent), "about"
    if reached is None:
        reached, how = training.at_most(silent, left), "at most"
    if reached is None:
        return []
    steps = f"{how} {reached:.0f} of {training.steps:.0f} steps"
    return [(f"\n! at this speed {steps} before the deadline", CARE)]


def _ended(shot: RunSnapshot, opens: str) -> list[Span]:
    if shot.outcome is Outcome.FINISHED:
        verdict: list[Span] = []
        if shot.verdict is not None:
            verdict = [(shot.verdict.value, _VERDICTS[shot.verdict]), (". ", "")]
        if shot.no_score:
            return [(f"{shot.no_score}. ", BAD), *verdict, (opens, "")]
        return [("finished: ", GOOD), *verdict, (opens, "")]
    assert shot.outcome is not None
    _, style = _ENDS[shot.outcome]
    if shot.outcome is Outcome.INTERRUPTED:
        # A run that nobody went on with has no end at all.
        return [("interrupted: ", style), (f"{shot.detail}. {opens}", "")]
    return [
        (f"{shot.outcome.value.replace('_', ' ')}: ", style),
        (shot.detail or "no reason given", ""),
        (f". `ptb-lite resume {shot.run_id}` continues it.", DIM),
    ]


def share_text(share: float | None) -> str:
    return f"{100 * share:3.0f} %" if share is not None else "  - "


def is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)

"""What the Result screen shows of a run: scores as bars, the verdict, the flags, the time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ptb_lite.audit.record import AuditRecord
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Flag
from ptb_lite.experiment.seeds import SEEDS
from ptb_lite.narrate import (
    Answer,
    detector_lines,
    gain_answer,
    off_target_answer,
    score_answer,
    seeds_answer,
    success_answer,
    trust_answer,
)
from ptb_lite.report.data import gather, paired_text
from ptb_lite.report.ledger_text import ledger_lines
from ptb_lite.report.samples import sampled
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import BenchmarkScores, CountedScore, Score, Scores, Status
from ptb_lite.text import duration, one_line, percent, visible
from ptb_lite.tui.models.result.seeds import counted_by_seed
from ptb_lite.tui.models.run.text import BAD, CARE, DIM, GOOD, Span
from ptb_lite.tui.models.trace.rows import wrap

NOT_SCORED = "not scored"
_QUESTION = 12
MAX_LINES = 3
MAX_FLAGS = 500
_BARS = {"before": "$foreground 65%", "raw": "$text-primary", "counted": "$text-success"}


@dataclass(frozen=True)
class ScoreBar:
    """One score of a benchmark: fractions in [0, 1], None where there is no such figure.

    `kind` is before, raw, counted, or paper for a published figure, which was not measured here.
    """

    label: str
    kind: str
    score: float | None
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True)
class BenchmarkPart:
    name: str
    title: str
    bars: tuple[ScoreBar, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class ResultView:
    """`problem`, where it is not empty, says why there are no scores.

    `answers` are to what a person asks first. `facts` are pairs of name and value: the time, the
    choices, the versions.
    """

    run_id: str
    answers: tuple[Answer, ...] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    """By an answer's question the key that leads on, as `PtbScreen.hinted` takes it."""
    benchmarks: tuple[BenchmarkPart, ...] = ()
    sampled: tuple[str, ...] = ()
    """The benchmarks whose items can be shown, the targets first."""
    flags: tuple[Flag, ...] = ()
    detectors: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    verdict: str = ""
    unjudged: bool = False
    """Whether there is something that a judge has not scored."""
    ledger: tuple[str, ...] = ()
    """When the agent iterated, in lines with a time axis."""


def run_stamp(run: RunFolder) -> tuple[object, ...]:
    """Changes whenever what a result is read from changes: cheap enough to ask every second."""
    try:
        lives = run.runner_lives()
    except OSError:
        lives = False
    paths = (run.spec, run.status, run.scores, run.audit, run.path / "overrule.json")
    return (lives, *(_written(path) for path in paths))


def _written(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _without_scores(run: RunFolder, status: Status) -> str:
    """Why there are no scores, and whether they are still to come."""
    if status.state != "ended":
        if run.runner_lives():
            at = status.phase.value if status.phase else "starting"
            return f"The run goes on ({at}): its scores will stand here. F3 shows it."
        return f"No scores: its runner ended. `ptb-lite resume {run.run_id}` continues it."
    state = status.outcome.value if status.outcome else "ended"
    return f"No scores: the run is {state.replace('_', ' ')}. {one_line(status.detail)}"


def read_result(run: RunFolder) -> ResultView:
    """Everything but the samples. A run that did not get so far gives a view that says so."""
    try:
        data = gather(run)
    except (PtbLiteError, OSError) as error:
        return ResultView(run.run_id, problem=f"This run cannot be read: {error}")
    flags, detectors = _audit(data.audit)
    choices = tuple((name, one_line(value, 300)) for name, value in data.spec)
    if data.scores is None:
        told = data.reported.lines() if data.reported else (_without_scores(run, data.status),)
        problem = "\n".join(told)
        return ResultView(
            run.run_id, flags=flags, detectors=detectors, facts=choices, problem=problem
        )
    counted = counted_by_seed(run)
    answers = _answers(counted, data.scores, data.audit)
    packages = tuple((f"version of {name}", version) for name, version in data.packages)
    return ResultView(
        run_id=run.run_id,
        verdict=data.scores.verdict.value,
        unjudged=not data.scores.no_score and any(x.not_scored for x in data.scores.benchmarks),
        answers=answers,
        hints=_hints(answers, counted),
        benchmarks=tuple(_part(item) for item in data.scores.benchmarks),
        sampled=sampled(data.scores),
        flags=flags,
        detectors=detectors,
        facts=(*_time(data.scores), *choices, *packages),
        ledger=tuple(visible(line) for line in ledger_lines(data.ledger, data.scores.iterations)),
    )


def bar_line(bar: ScoreBar, cells: int) -> list[Span]:
    """One score on one line of `cells` cells: what is sure is solid, the interval a line with the
    score as its dot. A published figure has no interval: a diamond."""
    if bar.score is None or cells < 4:
        return [(" " * max(0, cells), "")]
    at = _cell(bar.score, cells)
    if bar.kind == "paper":
        return [("·" * at, DIM), ("◆", CARE), ("·" * (cells - 1 - at), DIM)]
    low = at if bar.low is None else min(at, _cell(bar.low, cells))
    high = at if bar.high is None else max(at, _cell(bar.high, cells))
    style = _BARS[bar.kind]
    return [
        ("█" * low, style),
        ("━" * (at - low), style),
        ("●", f"bold {style}"),
        ("━" * (high - at), style),
        ("·" * (cells - 1 - high), DIM),
    ]


def _cell(share: float, cells: int) -> int:
    """The cell of a share in [0, 1]; what lies outside, or is no number, is put at an end."""
    return round(min(1.0, max(0.0, share)) * (cells - 1)) if math.isfinite(share) else 0


def _answers(
    counted: dict[int, float], scores: Scores, audit: AuditRecord | None
) -> tuple[Answer, ...]:
    beside = None if scores.no_score else off_target_answer(scores)
    found = (
        gain_answer(scores),
        beside,
        trust_answer(scores, audit),
        score_answer(scores),
        success_answer(scores),
        seeds_answer(counted),
    )
    return tuple(answer for answer in found if answer is not None)


def _hints(answers: tuple[Answer, ...], counted: dict[int, float]) -> dict[str, str]:
    told = [each for each in answers if each.question == "Trust it?" and "could not" in each.text]
    hints = {each.question: "{tab|(2 tells why)}" for each in told}
    return hints if len(counted) >= SEEDS else {**hints, "Seeds": "{seeds|(e runs more)}"}


def answer_lines(answer: Answer, width: int) -> list[list[Span]]:
    """One answer on at most `MAX_LINES` lines of at most `width` cells."""
    style = {True: GOOD, False: BAD, None: CARE}[answer.good] if answer.word.isupper() else ""
    word = one_line(answer.word, 60)
    before = _QUESTION + len(word) + 2
    room = max(8, width - before)
    texts = wrap(one_line(answer.text, room * MAX_LINES), room)[:MAX_LINES]
    first: list[Span] = [
        (f"{answer.question:<{_QUESTION}}", DIM),
        (f"{word}  ", f"bold {style.removeprefix('bold ')}".strip()),
    ]
    return [
        [*(first if at == 0 else [(" " * before, "")]), (text, "")] for at, text in enumerate(texts)
    ]


def _part(item: BenchmarkScores) -> BenchmarkPart:
    shots = f"few-shot ({item.num_fewshot})"
    bars = [
        _bar("zero-shot", "before", item.zero_shot),
        _bar(shots, "before", item.few_shot),
        _bar("after, raw", "raw", item.raw),
        _counted(item.counted, item.zero_shot or item.raw),
        *(
            ScoreBar(
                one_line(f"paper: {line.label}", 40),
                "paper",
                line.score,
                text=f"{percent(line.score)}, published, not measured here",
            )
            for line in item.paper
        ),
    ]
    remarks = [
        f"after against zero-shot: {paired_text(item.after_vs_zero_shot)}",
        f"after against few-shot: {paired_text(item.after_vs_few_shot)}",
    ]
    if item.counted is not None and item.counted.mark:
        remarks.append(f"counted: {one_line(item.counted.mark, 300)}")
    if item.smallest_gain is not None:
        remarks.append(
            f"so many items show a gain of {100 * item.smallest_gain:.0f} points or more"
        )
    if item.needed_n is not None:
        remarks.append(f"{item.needed_n} items would show the difference that was seen")
    return BenchmarkPart(
        name=one_line(item.benchmark, 80),
        title=one_line(item.title, 160),
        bars=tuple(bars),
        remarks=tuple(remarks),
    )


def _bar(label: str, kind: str, score: Score | None) -> ScoreBar:
    if score is None:
        return ScoreBar(label, kind, None, text=NOT_SCORED)
    words = (
        f"{percent(score.score)}  {score.correct} of {score.n}, "
        f"{100 * score.low:.0f} to {100 * score.high:.0f} %"
    )
    return ScoreBar(label, kind, score.score, score.low, score.high, words)


def _counted(counted: CountedScore | None, like: Score | None) -> ScoreBar:
    if counted is None:
        return ScoreBar("after, counted", "counted", None, text=NOT_SCORED)
    n = f"n = {like.n}, " if like is not None else ""
    words = f"{percent(counted.score)}  {n}{100 * counted.low:.0f} to {100 * counted.high:.0f} %"
    return ScoreBar("after, counted", "counted", counted.score, counted.low, counted.high, words)


def _time(scores: Scores) -> list[tuple[str, str]]:
    used = scores.time
    share = (
        f" ({100 * used.agent_seconds / used.budget_seconds:.0f} %)" if used.budget_seconds else ""
    )
    facts = [
        (
            "agent's time",
            f"{duration(used.agent_seconds)} of {duration(used.budget_seconds)}{share}, "
            f"{used.agent_outcome.value.replace('_', ' ')}",
        ),
        ("not used", duration(used.idle_seconds)),
        ("turns", str(used.turns)),
        ("final_model/ changed after", ", ".join(map(duration, used.submissions[:20])) or "never"),
    ]
    facts += [(f"phase {name}", duration(seconds)) for name, seconds in used.phases.items()]
    if used.harness:
        beside = sum(used.harness.values())
        facts.append(("neither agent nor scoring", f"{duration(beside)} of all phases"))
    return facts


def _audit(audit: AuditRecord | None) -> tuple[tuple[Flag, ...], tuple[str, ...]]:
    """Flags, those that decide first, and a line on each detector."""
    if audit is None:
        return (), ("no audit was made, or it cannot be read",)
    flags = sorted(audit.flags(), key=lambda flag: not flag.decides)
    lines = tuple(one_line(line, 300) for line in detector_lines(audit))
    return tuple(flags[:MAX_FLAGS]), lines

"""The report as plain lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from ptb_lite.events import Verdict
from ptb_lite.narrate import flag_lines, off_target_words, success_words
from ptb_lite.report.data import BenchmarkView, ReportData, gather, headline, verdict_text
from ptb_lite.report.ledger_text import ledger_lines
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import PaperLine, TimeUsed
from ptb_lite.text import duration, visible

_BAR = 24
_MAX_FLAGS = 10
_MAX_SUBMISSIONS = 5


def report_text(run: RunFolder) -> str:
    """Raises PtbLiteError when the run's spec or status cannot be read."""
    return render_text(gather(run))


def render_text(data: ReportData) -> str:
    """Lines of at most about 100 columns, without any control character but line ends."""
    return "\n".join(_clean(line) for line in _lines(data)) + "\n"


def _lines(data: ReportData) -> Iterator[str]:
    scores = data.scores
    yield f"run {data.run_id}"
    if data.reported is not None:
        yield from data.reported.lines()
    if scores is None and data.reported is not None:
        return
    if scores is None:
        outcome = data.status.outcome.value if data.status.outcome else data.status.state
        yield f"  no scores: {outcome} {data.status.detail}".rstrip()
        return
    if scores.no_score:
        yield headline(scores)
    yield f"  model {scores.model}, agent {scores.agent}, seed {scores.seed}"
    yield f"  sandbox {scores.sandbox}, feedback {scores.feedback}, policy {scores.policy}"
    for benchmark in data.benchmarks:
        yield ""
        yield from _benchmark_lines(benchmark)
    if data.average:
        yield ""
        yield from textwrap.wrap(data.average, 98)
        yield from _paper_lines(data.average_paper)
    yield ""
    yield f"verdict: {verdict_text(scores)}"
    if scores.success is not None:
        yield from success_words(scores.success)
    for line in off_target_words(scores):
        yield from textwrap.wrap(line, 98, subsequent_indent="  ")
    yield from _flag_lines(data)
    used, budget = scores.time.agent_seconds, scores.time.budget_seconds
    share = f", {100 * used / budget:.0f} %" if budget > 0 else ""
    ended = scores.time.agent_outcome.value
    yield f"agent's time: {duration(used)} of {duration(budget)}{share} ({ended})"
    if scores.agent_use and (tokens := scores.agent_use.words()):
        yield f"agent's tokens: {tokens}"
    yield from _work_lines(scores.time)
    yield from ledger_lines(data.ledger, scores.iterations)
    yield "phases: " + ", ".join(f"{name} {duration(seconds)}" for name, seconds in data.phases)
    if data.harness_text:
        yield from textwrap.wrap(f"harness: {data.harness_text}", 98, subsequent_indent="  ")


def _benchmark_lines(benchmark: BenchmarkView) -> Iterator[str]:
    yield f"{benchmark.name}: {benchmark.title}"
    width = max((len(bar.label) for bar in benchmark.bars), default=0)
    for bar in benchmark.bars:
        filled = "#" * round(bar.score * _BAR)
        yield f"  {bar.label:<{width}}  {filled:<{_BAR}}  {bar.text}"
    for comparison in benchmark.comparisons:
        yield f"  {comparison.label}: {comparison.text}"
    if benchmark.remark:
        yield f"  note: {benchmark.remark}"
    for note in benchmark.notes:
        yield from textwrap.wrap(note, 98, initial_indent="  ", subsequent_indent="    ")
    yield from _paper_lines(benchmark.paper)


def _paper_lines(lines: Iterable[PaperLine]) -> Iterator[str]:
    """Published figures, each marked as such."""
    for line in lines:
        yield f"  paper: {100 * line.score:5.1f} %  {line.label}"


def _work_lines(time: TimeUsed) -> Iterator[str]:
    """What its program was, when it changed its submission, and what it left of its time."""
    if time.untested:
        yield f"agent's program: {time.untested}"
    if time.submissions:
        shown = [duration(seconds) for seconds in time.submissions[:_MAX_SUBMISSIONS]]
        left = len(time.submissions) - len(shown)
        more = f" and {left} more" if left else ""
        times = "once" if len(time.submissions) == 1 else f"{len(time.submissions)} times"
        yield f"final_model/ changed {times}, after {', '.join(shown)}{more}"
    if time.turns > 1:
        yield f"turns: {time.turns} (it ended early and was asked to go on)"
    if time.idle_seconds >= 1:
        yield f"not used: {duration(time.idle_seconds)} of its time"


def _flag_lines(data: ReportData) -> Iterator[str]:
    if data.audit is None:
        return
    yield from flag_lines(data.audit.flags(), _MAX_FLAGS, "in audit.json")
    for result in data.audit.results:
        if result.status == "skipped":
            yield f"  {result.detector} skipped: {result.reason}"
    if data.scores and data.scores.verdict is Verdict.INCONCLUSIVE:
        yield "  inconclusive is not clean: the raw score stands, with this mark"


def _clean(line: str) -> str:
    return visible(line.replace("\n", " "))

"""Judge the completions of a run that is over, and write its scores again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import EvaluationResult, read_result
from ptb_lite.events import Event, Record
from ptb_lite.files import read_record
from ptb_lite.report.html import write_report
from ptb_lite.runner.console.lines import PlainLines
from ptb_lite.runner.context import Prepared, RunContext
from ptb_lite.runner.lock import hold_lock
from ptb_lite.runner.phases.evaluations import AFTER, FEW_SHOT, ZERO_SHOT
from ptb_lite.runner.phases.judging import judge_results
from ptb_lite.runner.phases.measure import tell_finished
from ptb_lite.runner.phases.report import report
from ptb_lite.runs.folder import RunFolder, require_folder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.runs.overrule import apply_overrule
from ptb_lite.runs.records import Scores

JOURNAL = "judging.jsonl"


def judge_later(path: Path, choice: JudgeChoice, *, say: Callable[[str], None]) -> Scores:
    """Judge what the run left unjudged; returns the scores as they are now.

    Its journal ended with the run, so what happens is noted in `judging.jsonl` beside it. Raises
    PtbLiteError when the run has not finished or has nothing to judge, EvaluationStopped when
    stopped (what was judged is kept).
    """
    run = require_folder(path)
    lock = hold_lock(run)
    stop = threading.Event()
    journal = _Told(run.path / JOURNAL, say)
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        if not run.read_status().complete:
            raise PtbLiteError(
                "has not finished", field=run.run_id, hint=f"`ptb-lite resume {run.run_id}`"
            )
        spec = run.read_spec().model_copy(update={"judge": choice})
        context = RunContext(run=run, spec=spec, catalog=load_catalog(), journal=journal, stop=stop)
        _judge(context)
        report(context)
    finally:
        signal.signal(signal.SIGINT, before)
        journal.close()
        lock.close()
    scores = run.read_scores()
    assert scores is not None
    return _overruled(run, scores)


def _overruled(run: RunFolder, scores: Scores) -> Scores:
    """A person's word over the audit outlives the new scores."""
    if not run.overrule.exists():
        return scores
    counted = apply_overrule(run, scores)
    write_report(run)
    return counted


def _judge(context: RunContext) -> None:
    waiting = [(folder, result) for folder, result in _results(context.run) if result.score is None]
    if not waiting:
        raise PtbLiteError(
            "has nothing that waits for a judge",
            field=context.run.run_id,
            hint="What was judged once is not judged again",
        )
    for folder in dict.fromkeys(folder for folder, _ in waiting):
        here = [result for where, result in waiting if where == folder]
        for result in judge_results(context, folder, here):
            tell_finished(context, folder, result)


def _results(run: RunFolder) -> list[tuple[Path, EvaluationResult]]:
    prepared = read_record(run.prepared, Prepared)
    passes = (("baseline", ZERO_SHOT), ("baseline", FEW_SHOT), ("after", AFTER))
    found = []
    for item in prepared.measured:
        for name, label in passes:
            path = run.evaluations / name / f"{result_stem(label, item.id)}.json"
            if path.exists():
                found.append((path.parent, read_result(path)))
    return found


class _Told(JournalWriter):
    """A journal whose events are also said as plain lines."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        super().__init__(path)
        self._say = say
        self._lines = PlainLines()

    def write(self, payload: Record) -> Event:
        event = super().write(payload)
        for line in self._lines.of(event):
            self._say(line)
        return event

"""The part of an evaluation that a judge does, on the host, after the completions are there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.judge.judge import Judge, OnJudged, judge_at
from ptb_lite.evaluation.judge.ledger import Spent
from ptb_lite.evaluation.judge.points import Kind
from ptb_lite.evaluation.judge.store import JudgementStore, store_path
from ptb_lite.evaluation.judge.task import judge_task, without_judge
from ptb_lite.evaluation.results import EvaluationResult
from ptb_lite.events import EvaluationProgressed, Record
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.context import Prepared, RunContext

_PROGRESS_SECONDS = 1.0
PAID = "judging-paid.json"


class Paid(Record):
    """The content of evaluations/judging-paid.json: what this run has paid for, in all its phases,
    so that the limits are the run's."""

    version: Literal[1] = 1
    input_tokens: int = 0
    output_tokens: int = 0


def judge_results(
    context: RunContext, folder: Path, results: Sequence[EvaluationResult]
) -> tuple[EvaluationResult, ...]:
    """Judge those of `results` whose benchmark needs it; returns the ones that have a score now.

    What stays without one is noted on disk and warned of. Raises EvaluationStopped, and
    PtbLiteError when a file of the evaluation is damaged.
    """
    waiting = [
        result for result in results if result.score is None and _kind(context, result) is not None
    ]
    if not waiting:
        return ()
    choice = context.spec.judge
    if choice is None:
        for result in waiting:
            report = without_judge(folder, result)
            _warn(context, result, report.not_scored)
        return ()
    scored = []
    with _judge(context, choice) as judge:
        for result in waiting:
            kind = _kind(context, result)
            assert kind is not None
            judged, report = judge_task(
                folder,
                result,
                kind=kind,
                items=_items(context, result.benchmark),
                judge=judge,
                on_judged=_teller(context, result, judge),
            )
            if report.not_scored:
                _warn(context, result, report.not_scored)
            else:
                scored.append(judged)
    return tuple(scored)


@contextmanager
def _judge(context: RunContext, choice: JudgeChoice) -> Iterator[Judge]:
    store = JudgementStore(store_path(cache_root(), choice.model, choice.endpoint))
    key = os.environ.get(choice.key_variable, "").strip()
    before = _paid(context)
    spent = Spent(before.input_tokens, before.output_tokens)
    with judge_at(choice, store, key=key, spent=spent, should_stop=context.stop.is_set) as judge:
        try:
            yield judge
        finally:
            _note_paid(context, judge)


def _paid(context: RunContext) -> Paid:
    try:
        return read_record(context.run.evaluations / PAID, Paid)
    except FileNotFoundError:
        return Paid()


def _note_paid(context: RunContext, judge: Judge) -> None:
    spent = judge.ledger.spent
    paid = Paid(input_tokens=spent.input_tokens, output_tokens=spent.output_tokens)
    write_record(context.run.evaluations / PAID, paid)


def _kind(context: RunContext, result: EvaluationResult) -> Kind | None:
    return context.catalog.benchmark(result.benchmark).judge


def _items(context: RunContext, benchmark: str) -> Path:
    prepared = read_record(context.run.prepared, Prepared)
    (found,) = (item for item in prepared.measured if item.id == benchmark)
    return context.run.path / found.test


def _warn(context: RunContext, result: EvaluationResult, reason: str) -> None:
    context.warn(f"{result.benchmark}, {result.label}: not scored: {reason}")


def _teller(context: RunContext, result: EvaluationResult, judge: Judge) -> OnJudged:
    last = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _PROGRESS_SECONDS and done < total:
            return
        last = now
        _note_paid(context, judge)  # also when the next moment is a kill
        context.journal.write(
            EvaluationProgressed(
                label=f"{result.label}, judged", benchmark=result.benchmark, done=done, total=total
            )
        )

    return tell

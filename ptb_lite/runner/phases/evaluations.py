"""The two phases that score a model on the test items: baseline before, evaluate after."""

from __future__ import annotations

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.evaluation.baseline_cache import BaselineCache
from ptb_lite.evaluation.engine.plan import EvaluationPlan
from ptb_lite.evaluation.errors import InvalidSubmissionError, SubmissionUnservable
from ptb_lite.evaluation.evaluate_model import answer_length
from ptb_lite.evaluation.job import EvaluationTask
from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import read_result
from ptb_lite.events import SubmissionRefused
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.context import (
    PhaseResult,
    Prepared,
    PreparedBenchmark,
    RunContext,
    Seal,
    prepared_entry,
)
from ptb_lite.runner.phases.measure import BASELINE, Measured, measure

ZERO_SHOT, FEW_SHOT, AFTER = "zero_shot", "few_shot", "after"


def baseline(context: RunContext) -> PhaseResult:
    """Score the base model zero-shot and, on targets, few-shot; leaves evaluations/baseline/."""
    prepared = read_record(context.run.prepared, Prepared)
    tasks = []
    for item in prepared.benchmarks:
        shots = prepared_entry(context, item).num_fewshot
        tasks.append(_task(context, item, ZERO_SHOT))
        tasks.append(_task(context, item, FEW_SHOT, shots))
    tasks += [_task(context, item, ZERO_SHOT) for item in prepared.off_target]
    what = Measured(
        BASELINE, weights=prepared.base_sha256, cache=BaselineCache(cache_root() / "baselines")
    )
    measure(context, prepared, tasks, what)
    return PhaseResult()


def evaluate(context: RunContext) -> PhaseResult:
    """Score the sealed submission on the host's copy of the base model; leaves evaluations/after/.

    A submission that turns out not to be scorable (its adapter does not fit the base model) is
    noted in seal.json and counts as no valid submission.
    """
    seal = read_record(context.run.seal, Seal)
    if not seal.valid:
        return PhaseResult(detail=f"no valid submission: {seal.reason}")
    prepared = read_record(context.run.prepared, Prepared)
    tasks = [_task(context, item, AFTER) for item in prepared.measured]
    what = Measured(
        "after",
        weights=f"{prepared.base_sha256} with {seal.sha256}",
        adapter=context.run.sealed,
    )
    try:
        try:
            _measure_after(context, prepared, tasks, what)
        except SubmissionUnservable:
            _measure_after(context, prepared, tasks, what)
    except InvalidSubmissionError as error:
        refused = seal.model_copy(update={"valid": False, "reason": error.message})
        write_record(context.run.seal, refused)
        context.journal.write(SubmissionRefused(reason=error.message))
        return PhaseResult(detail=f"no valid submission: {error.message}")
    return PhaseResult()


def _measure_after(
    context: RunContext, prepared: Prepared, tasks: list[EvaluationTask], what: Measured
) -> None:
    """Before and after are compared, so both by one engine: also after a runner that died between
    changing it and measuring the baseline again."""
    if context.run.evaluation_plan.exists():
        engine = read_record(context.run.evaluation_plan, EvaluationPlan).engine.name
        folder = context.run.evaluations / BASELINE
        found = [
            read_result(folder / f"{result_stem(ZERO_SHOT, item.id)}.json")
            for item in prepared.benchmarks
        ]
        if any(result.engine not in ("", engine) for result in found):
            baseline(context)
    measure(context, prepared, tasks, what)


def _task(
    context: RunContext, item: PreparedBenchmark, label: str, shots: int = 0
) -> EvaluationTask:
    """A pass over the test items. Examples are plain text, so only zero-shot uses a template.

    An answer gets half of the model's context at most: the question needs room too.
    """
    entry, model = prepared_entry(context, item), context.catalog.model(context.spec.model)
    found = item.lm_task
    family: ChatFamily | None = None
    if entry.kind == "dataset" and label != FEW_SHOT:
        family = model.chat_family
    shown = item.train if found is None or found.own_shots else item.dev
    longest = answer_length(entry, context.spec.max_new_tokens)
    return EvaluationTask(
        label=label,
        benchmark=item.id,
        items=context.run.path / item.test,
        shots=context.run.path / shown if label == FEW_SHOT else None,
        num_fewshot=shots,
        limit=item.limit,
        max_new_tokens=min(longest, model.context // 2),
        chat_family=family,
        kind=entry.kind,
        lm_task=found.task.model_copy(update={"exact_shots": True}) if found else None,
    )

"""The two phases that score a model on the test items: baseline before, evaluate after."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ptb_lite.evaluation.errors import EvaluationStopped, InvalidSubmissionError
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.messages import Message, Progressed, TaskFinished, WorkerWarned
from ptb_lite.evaluation.process import run_evaluation
from ptb_lite.events import EvaluationFinished, EvaluationProgressed, SubmissionRefused
from ptb_lite.runner.context import PhaseResult, Prepared, RunContext, RunStopped, Seal
from ptb_lite.runs.atomic import read_record, write_record
from ptb_lite.scoring import wilson

ZERO_SHOT, FEW_SHOT, AFTER = "zero_shot", "few_shot", "after"
_PROGRESS_SECONDS = 1.0


def baseline(context: RunContext) -> PhaseResult:
    """Score the base model zero-shot and few-shot; leaves evaluations/baseline/."""
    prepared = read_record(context.run.prepared, Prepared)
    tasks = []
    for item in prepared.benchmarks:
        shots = context.catalog.benchmark(item.id).num_fewshot
        for label, num_fewshot in ((ZERO_SHOT, 0), (FEW_SHOT, shots)):
            tasks.append(
                EvaluationTask(
                    label=label,
                    benchmark=item.id,
                    items=context.run.path / item.test,
                    shots=context.run.path / item.train,
                    num_fewshot=num_fewshot,
                    limit=item.limit,
                )
            )
    _evaluate(context, prepared, tasks, "baseline", None)
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
    tasks = [
        EvaluationTask(
            label=AFTER,
            benchmark=item.id,
            items=context.run.path / item.test,
            num_fewshot=0,
            limit=item.limit,
        )
        for item in prepared.benchmarks
    ]
    try:
        _evaluate(context, prepared, tasks, "after", context.run.sealed)
    except InvalidSubmissionError as error:
        refused = seal.model_copy(update={"valid": False, "reason": error.message})
        write_record(context.run.seal, refused)
        context.journal.write(SubmissionRefused(reason=error.message))
        return PhaseResult(detail=f"no valid submission: {error.message}")
    return PhaseResult()


def _evaluate(
    context: RunContext,
    prepared: Prepared,
    tasks: list[EvaluationTask],
    name: str,
    adapter: Path | None,
) -> None:
    output = context.run.evaluations / name
    shutil.rmtree(output, ignore_errors=True)
    job = EvaluationJob(
        model=prepared.base_model,
        adapter=adapter,
        device=context.spec.device,
        generation=context.spec.generation,
        seed=context.spec.seed,
        tasks=tuple(tasks),
        output=output,
    )
    try:
        run_evaluation(job, on_progress=_Teller(context), should_stop=context.stop.is_set)
    except EvaluationStopped as error:
        raise RunStopped("the run was stopped during an evaluation") from error


class _Teller:
    """Turns the evaluation's messages into events, progress at most once a second."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._last = 0.0

    def __call__(self, message: Message) -> None:
        match message:
            case Progressed():
                self._progressed(message)
            case TaskFinished():
                result = message.result
                interval = wilson(result.correct, result.n)
                self._context.journal.write(
                    EvaluationFinished(
                        label=result.label,
                        benchmark=result.benchmark,
                        n=result.n,
                        score=result.score,
                        low=interval.low,
                        high=interval.high,
                        seconds=result.seconds,
                    )
                )
            case WorkerWarned():
                self._context.warn(message.message)

    def _progressed(self, message: Progressed) -> None:
        now = time.monotonic()
        if now - self._last < _PROGRESS_SECONDS and message.done < message.total:
            return
        self._last = now
        self._context.journal.write(
            EvaluationProgressed(
                label=message.label,
                benchmark=message.benchmark,
                done=message.done,
                total=message.total,
            )
        )

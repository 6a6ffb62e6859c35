"""Score one model on a run's tasks: what is there already is taken, the rest is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.evaluation.baseline_cache import BaselineCache
from ptb_lite.evaluation.engine.messages import Message, Progressed, TaskFinished, WorkerWarned
from ptb_lite.evaluation.engine.process import run_evaluation
from ptb_lite.evaluation.errors import (
    EngineFailed,
    EvaluationError,
    EvaluationStopped,
    SubmissionUnservable,
)
from ptb_lite.evaluation.identity import task_key
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import EvaluationResult, read_result, read_samples
from ptb_lite.events import EvaluationFinished, EvaluationProgressed
from ptb_lite.hardware import detect_device
from ptb_lite.installation import package_versions
from ptb_lite.runner.context import Prepared, RunContext, RunStopped
from ptb_lite.runner.phases.judging import judge_results
from ptb_lite.runner.phases.planning import planned, planned_again, without_vllm
from ptb_lite.runs.figures.scores import has_points, score_of

_PROGRESS_SECONDS = 1.0
BASELINE = "baseline"


@dataclass(frozen=True)
class Measured:
    """What is scored: the base model, with an adapter or without.

    `weights` identifies both. `cache` keeps results for other runs, None: nothing is kept.
    """

    name: str
    weights: str
    adapter: Path | None = None
    cache: BaselineCache | None = None


def measure(
    context: RunContext, prepared: Prepared, tasks: list[EvaluationTask], what: Measured
) -> None:
    """Leave a result and samples of every task in evaluations/`what.name`, judged where a judge
    is needed.

    A task that this run has measured before it was killed is not measured again, and one that was
    cut short goes on from its completions. Raises RunStopped, and what `run_evaluation` raises;
    after SubmissionUnservable the next call is by transformers.
    """
    output = context.run.evaluations / what.name
    job = EvaluationJob(
        model=prepared.base_model,
        adapter=what.adapter,
        device=context.spec.device,
        generation=context.spec.generation,
        seed=context.spec.seed,
        tasks=tuple(tasks),
        output=output,
    )
    try:
        _measure(context, planned(context, job), what)
    except SubmissionUnservable as error:
        without_vllm(context, job, error)
        raise
    except EngineFailed as error:
        again = planned_again(context, job, error, first=what.name == BASELINE)
        _measure(context, again, what)


def _measure(context: RunContext, job: EvaluationJob, what: Measured) -> None:
    output = job.output
    job = _with_keys(context, job, what.weights)
    found = [_had(context, output, task, what) for task in job.tasks]
    for result in found:
        if result is not None:
            tell_finished(context, output, result)
    missing = tuple(task for task, had in zip(job.tasks, found, strict=True) if had is None)
    try:
        if missing:
            run_evaluation(
                job.model_copy(update={"tasks": missing}),
                on_progress=_Teller(context, output, what.cache),
                should_stop=context.stop.is_set,
            )
        judged = judge_results(
            context, output, [read_result(output / f"{_stem(task)}.json") for task in job.tasks]
        )
    except EvaluationStopped as error:
        raise RunStopped("the run was stopped during an evaluation") from error
    for result in judged:
        tell_finished(context, output, result)


def _with_keys(context: RunContext, job: EvaluationJob, weights: str) -> EvaluationJob:
    device = detect_device(context.spec.device)
    packages = package_versions()

    def keyed(task: EvaluationTask) -> EvaluationTask:
        key = task_key(
            job,
            task,
            weights=weights,
            device=f"{device.kind} {device.name} {device.cores}",
            packages=packages,
        )
        return task.model_copy(update={"key": key})

    return job.model_copy(update={"tasks": tuple(keyed(task) for task in job.tasks)})


def _had(
    context: RunContext, output: Path, task: EvaluationTask, what: Measured
) -> EvaluationResult | None:
    """The task's result, from this run before it was killed, or from the cache; else None."""
    try:
        result = read_result(output / f"{_stem(task)}.json")
        if result.key == task.key and len(read_samples(output / result.samples)) == result.n:
            return result
    except EvaluationError:
        pass  # none yet, or damaged: measured again
    if what.cache is None or context.spec.fresh:
        return None
    entry = what.cache.find(task.key)
    return what.cache.copy(entry, output, label=task.label) if entry else None


def _stem(task: EvaluationTask) -> str:
    return result_stem(task.label, task.benchmark)


def tell_finished(context: RunContext, output: Path, result: EvaluationResult) -> None:
    """The event of a result that has a score; a judge's are told once they are there."""
    samples = read_samples(output / result.samples)
    judged = has_points(context.catalog.benchmark(result.benchmark), samples)
    score = score_of(samples, judged=judged)
    if score is not None:
        context.journal.write(
            EvaluationFinished(
                label=result.label,
                benchmark=result.benchmark,
                n=score.n,
                score=score.score,
                low=score.low,
                high=score.high,
                seconds=result.seconds,
                from_cache=result.measured,
            )
        )


class _Teller:
    """Turns the evaluation's messages into events, progress at most once a second, and keeps what
    is finished for other runs."""

    def __init__(self, context: RunContext, output: Path, cache: BaselineCache | None) -> None:
        self._context = context
        self._output = output
        self._cache = cache
        self._last = 0.0

    def __call__(self, message: Message) -> None:
        match message:
            case Progressed():
                self._progressed(message)
            case TaskFinished():
                tell_finished(self._context, self._output, message.result)
                self._keep(message.result)
            case WorkerWarned():
                self._context.warn(message.message)

    def _keep(self, result: EvaluationResult) -> None:
        if self._cache is None:
            return
        try:
            self._cache.keep(result, self._output)
        except OSError as error:
            self._context.warn(f"the baseline is not kept for other runs: {error.strerror}")

    def _progressed(self, message: Progressed) -> None:
        now = time.monotonic()
        whole = message.done == message.total and message.graded in (0, message.total)
        if now - self._last < _PROGRESS_SECONDS and not whole:
            return
        self._last = now
        self._context.journal.write(
            EvaluationProgressed(
                label=message.label,
                benchmark=message.benchmark,
                done=message.done,
                total=message.total,
                score=message.score,
                graded=message.graded,
            )
        )

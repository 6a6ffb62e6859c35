"""lm-eval called as a library: one model, loaded once, and every task of a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from lm_eval.tasks import TaskManager

from ptb_lite import __version__
from ptb_lite.evaluation.benchmark import Benchmark, Judged, find_benchmark, judge_all
from ptb_lite.evaluation.engine.chat import stops
from ptb_lite.evaluation.engine.completion_log import StoredCompletions
from ptb_lite.evaluation.engine.lm.harness import evaluate_task
from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.lm.task_definition import write_task_file
from ptb_lite.evaluation.engine.messages import (
    Message,
    ModelLoaded,
    Progressed,
    TaskFinished,
    WorkerWarned,
)
from ptb_lite.evaluation.engine.model_loading import load_model, load_tokenizer, pick_device
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask, Generation
from ptb_lite.evaluation.lm_tasks.task import LmTask, result_stem
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord
from ptb_lite.files import file_sha256, write_lines, write_text

# Found as metadata; the engine's own package comes on top.
PACKAGES = ("torch", "transformers", "tokenizers", "peft", "lm-eval", "datasets")
Emit = Callable[[Message], None]


def evaluate(job: EvaluationJob, emit: Emit) -> tuple[EvaluationResult, ...]:
    """Run every task of `job` in this process; write its files into `job.output`.

    Raises `InvalidSubmissionError`, `EvaluationError`, `ItemsError`.
    """
    started = time.monotonic()
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    device = pick_device(job.device)
    counter = _Counter(emit)
    lm = _load(job, counter, emit, device)
    emit(ModelLoaded(seconds=time.monotonic() - started, device=device))
    job.output.mkdir(parents=True, exist_ok=True)
    fitted = (task.fitted(lm.max_length) for task in job.tasks)
    return tuple(_run_task(job, task, lm, counter, emit, device) for task in fitted)


def _load(job: EvaluationJob, counter: _Counter, emit: Emit, device: str) -> Any:
    """The model as lm-eval's class of the job's engine, followed."""
    if job.engine.name == "vllm":
        # Imported only here: most installations are without vLLM.
        from ptb_lite.evaluation.vllm.start import load_vllm

        return load_vllm(
            job,
            device=device,
            on_rows=counter.add,
            on_warning=lambda text: emit(WorkerWarned(message=text)),
        )
    lm = FollowedLM(
        load_model(job.model, job.adapter, dtype=job.dtype, device=device),
        load_tokenizer(job.model),
        batch_size=job.batch_size,
        on_rows=counter.add,
        on_warning=lambda text: emit(WorkerWarned(message=text)),
        rows_restarted=counter.restart,
    )
    # Pinned by the job: a template that came with the tokenizer's folder does not count.
    lm.tokenizer.chat_template = job.chat_template
    return lm


class _Counter:
    """Turns finished rows into messages about the task that is running."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._label = self._benchmark = ""
        self._done = self._total = self._graded = 0
        self._points = 0.0

    def begin(self, task: EvaluationTask, total: int) -> None:
        self._label, self._benchmark = task.label, task.benchmark
        self._total = total
        self.restart()
        self._say()

    def add(self, rows: int) -> None:
        self._done += rows
        self._say()

    def grade(self, points: float | None) -> None:
        """One of the finished rows was graded."""
        if points is not None:
            self._graded += 1
            self._points += points
            self._say()

    def restart(self) -> None:
        self._done = self._graded = 0
        self._points = 0.0

    def _say(self) -> None:
        self._emit(
            Progressed(
                label=self._label,
                benchmark=self._benchmark,
                done=self._done,
                total=self._total,
                score=self._points / self._graded if self._graded else None,
                graded=self._graded,
            )
        )


def _run_task(
    job: EvaluationJob,
    task: EvaluationTask,
    lm: Any,
    counter: _Counter,
    emit: Emit,
    device: str,
) -> EvaluationResult:
    if task.lm_task is not None:
        return _run_lm_task(job, task, task.lm_task, lm, counter, emit, device)
    benchmark = find_benchmark(task.benchmark, task.kind)
    definition = task.definition or write_task_file(
        benchmark,
        job.output / f"{_stem(task)}.task.yaml",
        name=task.benchmark,
        max_new_tokens=task.max_new_tokens,
    )
    manager = TaskManager(include_defaults=False, metadata=_metadata(task, benchmark))
    name, config = next(iter(manager.load([str(definition)])["tasks"].items()))
    available = len(config.test_docs())
    if task.limit is not None and task.limit > available:
        raise EvaluationError(
            f"{task.limit} items are asked for, {task.benchmark} has {available}", field="limit"
        )
    counter.begin(task, task.limit or available)
    kept = (
        StoredCompletions(job.output / f"{_stem(task)}.kept.jsonl", task.key) if task.key else None
    )
    lm.kept = kept
    lm.heard = grades = _Grades(benchmark, task, counter)
    started = time.monotonic()
    records = evaluate_task(
        name,
        config,
        lm,
        seed=job.seed,
        num_fewshot=task.num_fewshot,
        generation=_settings(job.generation, task),
        chat_template=job.chat_template is not None,
        limit=task.limit,
    )
    samples = _judged(grades, records)
    seconds = time.monotonic() - started
    result = _result(job, task, samples, seconds, int(config.VERSION), device, lm)
    _finish(job, task, result, samples, emit)
    if kept is not None:
        kept.discard()
    return result


def _run_lm_task(
    job: EvaluationJob,
    task: EvaluationTask,
    found: LmTask,
    lm: Any,
    counter: _Counter,
    emit: Emit,
    device: str,
) -> EvaluationResult:
    """Of one of lm-eval's own tasks; nothing is kept of one that is cut short, since several of its
    completions may be of one prompt."""
    # Imported here: it knows this lm-eval inside, and an environment of vLLM's may have another.
    from ptb_lite.evaluation.lm_tasks.score import items_of, load_task, score

    counter.begin(task, len(items_of(task)))
    config = load_task(found)
    lm.kept = lm.heard = None
    started = time.monotonic()
    samples = score(job, task, found, config, lm, _settings(job.generation, task))
    seconds = time.monotonic() - started
    shots = int(config.get_config("num_fewshot") or 0)
    result = _result(job, task, samples, seconds, _version(config), device, lm).model_copy(
        update={"metric": found.measure, "num_fewshot": shots}
    )
    _finish(job, task, result, samples, emit)
    return result


def _version(config: Any) -> int:
    """A task's version as a whole number; 0 where it has none."""
    try:
        return int(float(config.VERSION))
    except (TypeError, ValueError):
        return 0


def _finish(
    job: EvaluationJob,
    task: EvaluationTask,
    result: EvaluationResult,
    samples: Sequence[SampleRecord],
    emit: Emit,
) -> None:
    write_lines(job.output / result.samples, samples)
    write_text(job.output / f"{_stem(task)}.json", result.model_dump_json(indent=2))
    emit(TaskFinished(result=result))


def _metadata(task: EvaluationTask, benchmark: Benchmark) -> dict[str, str | None]:
    """What `lm_task.load_items` is told. The engine judges by itself, all items at once."""
    return {
        "items": str(task.items),
        "shots": str(task.shots) if task.shots else None,
        "benchmark": benchmark.id,
        "chat_family": task.chat_family,
        "judged_by": "engine",
    }


def _settings(generation: Generation, task: EvaluationTask) -> dict[str, Any] | None:
    """What the job changes of the task file's generation settings; None: nothing."""
    settings: dict[str, Any] = {}
    if generation.do_sample:
        settings |= {
            "do_sample": True,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
        }
    if task.max_new_tokens is not None:
        settings["max_gen_toks"] = task.max_new_tokens
    if task.chat_family is not None:
        settings["until"] = list(stops(task.chat_family))
    return settings or None


class _Grades:
    """Grades completions as they come, where that takes no more time than all of them at once."""

    def __init__(self, benchmark: Benchmark, task: EvaluationTask, counter: _Counter) -> None:
        self._benchmark = benchmark
        self._counter = counter
        self._known: dict[tuple[str, str], Judged] = {}
        self.items = {item.id: item for item in read_items(task.items)}

    def __call__(self, document: Mapping[str, Any], completion: str) -> None:
        if self._benchmark.judge_all is None:
            self._counter.grade(self._of(self.items[document["id"]], completion).score)

    def all(self, answers: Sequence[tuple[Item, str]]) -> tuple[Judged, ...]:
        if self._benchmark.judge_all is not None:
            return judge_all(self._benchmark, answers)
        return tuple(self._of(item, completion) for item, completion in answers)

    def _of(self, item: Item, completion: str) -> Judged:
        key = (item.id, completion)
        if key not in self._known:
            self._known[key] = self._benchmark.judge(item, completion)
        return self._known[key]


def _judged(grades: _Grades, raw: Sequence[dict[str, Any]]) -> tuple[SampleRecord, ...]:
    """One record per item, in the order of the items file."""
    answers = [(grades.items[entry["doc"]["id"]], _completion(entry)) for entry in raw]
    judged = grades.all(answers)
    return tuple(
        _sample(item, completion, found)
        for (item, completion), found in zip(answers, judged, strict=True)
    )


def _completion(entry: Mapping[str, Any]) -> str:
    """What was generated or, of a multiple-choice task, the likeliest continuation."""
    answers = entry["filtered_resps"]
    if isinstance(answers[0], str):
        return answers[0]
    chosen = max(range(len(answers)), key=lambda number: answers[number][0])
    return str(entry["arguments"][chosen][1])


def _sample(item: Item, completion: str, judged: Judged) -> SampleRecord:
    return SampleRecord(
        item_id=item.id,
        question=item.question,
        target=item.target,
        completion=completion,
        extracted=judged.extracted,
        correct=judged.score is not None and judged.score >= 1.0,
        score=judged.score,
        also=dict(judged.also),
    )


def _mean(scores: Sequence[float | None]) -> float | None:
    """None as soon as one of them is: half a score is none."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if len(known) == len(scores) else None


def _means(samples: Sequence[SampleRecord]) -> dict[str, float]:
    """The mean of every score that is shown beside the counted one."""
    names = sorted({name for sample in samples for name in sample.also})
    return {
        name: sum(sample.also.get(name, 0.0) for sample in samples) / len(samples) for name in names
    }


def _result(
    job: EvaluationJob,
    task: EvaluationTask,
    samples: tuple[SampleRecord, ...],
    seconds: float,
    task_version: int,
    device: str,
    lm: Any,
) -> EvaluationResult:
    packages = package_versions(job.engine.name)
    return EvaluationResult(
        label=task.label,
        benchmark=task.benchmark,
        n=len(samples),
        correct=sum(sample.correct for sample in samples),
        score=_mean([sample.score for sample in samples]),
        seconds=seconds,
        num_fewshot=task.num_fewshot,
        limit=task.limit,
        generation=job.generation,
        batch_size=lm.batch_size_per_gpu,
        dtype=job.dtype,
        device=device,
        task_version=task_version,
        items_sha256=file_sha256(task.items),
        packages=packages,
        samples=f"{_stem(task)}.samples.jsonl",
        key=task.key,
        chat_family=task.chat_family,
        max_new_tokens=task.max_new_tokens,
        also=_means(samples),
        engine=job.engine.name,
        engine_version=packages[job.engine.name],
        notes={} if task.lm_task else dict(find_benchmark(task.benchmark, task.kind).notes()),
    )


def package_versions(engine: str) -> dict[str, str]:
    """The versions of the packages that a score of this process depends on."""
    versions = {}
    for name in dict.fromkeys((*PACKAGES, engine)):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    # Not by metadata: vLLM's environment takes this package from where it lies.
    return {**versions, "ptb-lite": __version__}


def _stem(task: EvaluationTask) -> str:
    return result_stem(task.label, task.benchmark)

"""Score one model on one benchmark, items and all: what `ptb-lite eval` calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptb_lite.catalog.entries import BenchmarkEntry, ChatFamily
from ptb_lite.choices import EngineChoice
from ptb_lite.evaluation.engine.capability import plan_evaluation, plan_without_vllm, with_plan
from ptb_lite.evaluation.engine.plan import EvaluationPlan
from ptb_lite.evaluation.engine.process import OnProgress, ShouldStop, run_evaluation
from ptb_lite.evaluation.errors import EngineFailed, EvaluationError
from ptb_lite.evaluation.identity import task_key
from ptb_lite.evaluation.items.splits import ItemFiles, prepare_items
from ptb_lite.evaluation.job import Engine, EvaluationJob, EvaluationTask, Generation
from ptb_lite.evaluation.lm_tasks.find import files_of
from ptb_lite.evaluation.lm_tasks.task import LmTaskFound, file_form
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord, read_samples
from ptb_lite.hardware import detect_device
from ptb_lite.installation import package_versions


@dataclass(frozen=True)
class Scored:
    """A result, its samples in the order of the items, and where both lie on disk."""

    result: EvaluationResult
    samples: tuple[SampleRecord, ...]
    folder: Path
    items: ItemFiles


def evaluate_once(
    model: Path,
    benchmark: BenchmarkEntry,
    *,
    shots: int,
    limit: int | None,
    seed: int,
    salt: str,
    cache: Path,
    adapter: Path | None = None,
    split: Literal["dev", "test"] = "test",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    dtype: Literal["bfloat16", "float32"] = "bfloat16",
    batch_size: int | None = None,
    engine: EngineChoice = "auto",
    generation: Generation | None = None,
    chat_template: str | None = None,
    chat_family: ChatFamily | None = None,
    max_new_tokens: int | None = None,
    data_dir: Path | None = None,
    lm_task: LmTaskFound | None = None,
    on_plan: Callable[[EvaluationPlan], None] = lambda _: None,
    on_progress: OnProgress = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> Scored:
    """Draw the items (kept in `cache`), score `model` on the first `limit` of `split`.

    `shots` few-shot examples come from the train split. A benchmark of a dataset is asked as a chat
    in the template of `chat_family`, or with shots as plain text, for answers of at most
    `max_new_tokens`; its rows come from `data_dir` or the Hub. A task of lm-eval was found before
    (`lm_task`) and asks in its own way. `seed` and `salt` decide the items,
    `seed` also the shots. One that was cut short goes on from its completions. Engine (auto)
    and batch (None) are chosen by what is there, which `on_plan` is told. Raises `ItemsError`,
    `DeviceError`, and what `plan_evaluation` and `run_evaluation` raise.
    """
    available = benchmark.scored_size("test") if split == "test" else benchmark.dev_size
    if limit is not None and not 1 <= limit <= available:
        raise EvaluationError(
            f"{limit} is not between 1 and {available}, the {split} items of {benchmark.id}",
            field="limit",
        )
    place = f"{salt}\n{data_dir}\n{split}" if benchmark.kind == "dataset" else salt
    folder = item_folder(benchmark, cache, seed=seed, salt=place)
    items = (
        files_of(benchmark.id, lm_task)
        if lm_task is not None
        else prepare_items(
            benchmark, folder, seed=seed, salt=salt, data_dir=data_dir, feedback=split
        )
    )
    task = EvaluationTask(
        label=split,
        benchmark=benchmark.id,
        items=items.test.path if split == "test" else items.dev.path,
        shots=items.train.path,
        num_fewshot=shots,
        limit=limit,
        max_new_tokens=answer_length(benchmark, max_new_tokens)
        if lm_task is None
        else max_new_tokens,
        chat_family=chat_family if benchmark.kind == "dataset" and shots == 0 else None,
        lm_task=lm_task.task if lm_task is not None else None,
        kind=benchmark.kind,
    )
    job = EvaluationJob(
        model=model.resolve(),
        adapter=adapter.resolve() if adapter else None,
        device=device,
        dtype=dtype,
        generation=generation or Generation(),
        chat_template=chat_template,
        seed=seed,
        tasks=(task,),
        output=cache,
    )
    plan = plan_evaluation(job, engine)

    def carried_out(plan: EvaluationPlan) -> Scored:
        on_plan(plan)
        rows = {} if batch_size is None else {"batch_size": batch_size}
        planned = _placed(with_plan(job, plan).model_copy(update=rows), cache)
        (result,) = run_evaluation(planned, on_progress=on_progress, should_stop=should_stop)
        samples = read_samples(planned.output / result.samples)
        return Scored(result, samples, planned.output, items)

    try:
        return carried_out(plan)
    except EngineFailed as error:
        if plan.asked != "auto":
            raise
        return carried_out(plan_without_vllm(job, plan, error.message))


def _placed(job: EvaluationJob, cache: Path) -> EvaluationJob:
    """The job with its folder and its task's key."""
    named = job.model_copy(update={"engine": Engine(name=job.engine.name)})
    machine = detect_device(job.device)
    (task,) = job.tasks
    key = task_key(
        job,
        task,
        weights=_files(job.model) + (_files(job.adapter) if job.adapter else ""),
        device=f"{machine.kind} {machine.name} {machine.cores}",
        packages=package_versions(),
    )
    return job.model_copy(
        update={
            "output": cache / "evaluations" / _digest(named.model_dump_json()),
            "tasks": (task.model_copy(update={"key": key}),),
        }
    )


def answer_length(benchmark: BenchmarkEntry, wanted: int | None) -> int:
    """How many tokens an answer may have; those of a procedural one are short and never cut."""
    if benchmark.kind == "procedural":
        return benchmark.max_new_tokens
    return min(benchmark.max_new_tokens, wanted or benchmark.max_new_tokens)


def item_folder(benchmark: BenchmarkEntry, cache: Path, *, seed: int, salt: str) -> Path:
    """Where the cache keeps a benchmark's items for a seed and a salt."""
    key = _digest(f"{benchmark.model_dump_json()}\n{seed}\n{salt}")
    return cache / "items" / f"{file_form(benchmark.id)}-{key}"


def _files(folder: Path) -> str:
    """Which weights lie in a folder of this machine, without reading gigabytes to know it."""
    found = ((path.name, path.stat()) for path in sorted(folder.glob("*.safetensors")))
    return _digest("\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in found))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

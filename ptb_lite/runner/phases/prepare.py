"""The prepare phase: base model, the benchmarks' splits, and the agent's workspace."""

from __future__ import annotations

import os
from pathlib import Path

from ptb_lite.catalog.weights import base_model_folder, base_sha256
from ptb_lite.evaluation.items import prepare_items
from ptb_lite.evaluation.task_file import Task, TaskBenchmark, TaskGeneration
from ptb_lite.hardware import detect_device
from ptb_lite.runner.context import PhaseResult, Prepared, PreparedBenchmark, RunContext
from ptb_lite.runs.atomic import write_record
from ptb_lite.workspace.prepare import Handout, data_file, hand_out


def prepare(context: RunContext) -> PhaseResult:
    """Leave prepared.json, data/, workspace/ and harness.json.

    Raises PtbLiteError when a model or a benchmark cannot be had here, OSError on a full disk.
    """
    entry = context.catalog.model(context.spec.model)
    base = base_model_folder(entry)
    context.check_stop()
    prepared = Prepared(
        base_model=base,
        base_sha256=base_sha256(base),
        benchmarks=tuple(_benchmark(context, name) for name in context.spec.benchmarks),
    )
    write_record(context.run.prepared, prepared)
    spec = context.spec
    handout = Handout(
        task=task_of(context, prepared),
        data=_data(context, prepared),
        disclosure=spec.disclosure,
        policy=spec.policy,
        machine=detect_device(spec.device).describe(),
    )
    write_record(context.run.harness, hand_out(context.run.workspace, handout))
    counts = ", ".join(f"{item.limit} test items of {item.id}" for item in prepared.benchmarks)
    return PhaseResult(detail=counts)


def task_of(context: RunContext, prepared: Prepared) -> Task:
    """The task as data; its deadline is filled in when the clock starts."""
    spec = context.spec
    benchmarks = []
    for item in prepared.benchmarks:
        entry = context.catalog.benchmark(item.id)
        benchmarks.append(
            TaskBenchmark(
                id=entry.id,
                title=entry.title,
                train=data_file(entry.id, "train"),
                feedback=data_file(entry.id, spec.feedback),
                num_fewshot=entry.num_fewshot,
                max_new_tokens=entry.max_new_tokens,
            )
        )
    return Task(
        base_model=str(prepared.base_model),
        base_model_id=spec.model,
        device=detect_device(spec.device).kind,
        benchmarks=tuple(benchmarks),
        feedback=spec.feedback,
        generation=TaskGeneration.model_validate(spec.generation.model_dump()),
        budget_minutes=spec.budget_minutes,
        deadline=0.0,
        seed=spec.seed,
        feedback_limit=spec.dev_limit,
    )


def _benchmark(context: RunContext, name: str) -> PreparedBenchmark:
    entry = context.catalog.benchmark(name)
    folder = context.run.data / name
    folder.mkdir(parents=True, exist_ok=True)
    files = prepare_items(entry, folder, seed=context.spec.seed, salt=context.spec.item_salt)
    return PreparedBenchmark(
        id=name,
        train=_relative(context, files.train.path),
        dev=_relative(context, files.dev.path),
        test=_relative(context, files.test.path),
        limit=context.spec.limit or entry.test_size,
    )


def _data(context: RunContext, prepared: Prepared) -> dict[str, Path]:
    """What the agent gets of each benchmark: train and the split that it may look at."""
    splits = ["train", "dev"] + (["test"] if context.spec.feedback == "test" else [])
    return {
        data_file(item.id, split): context.run.path / getattr(item, split)
        for item in prepared.benchmarks
        for split in splits
    }


def _relative(context: RunContext, path: Path) -> str:
    return os.fspath(path.resolve().relative_to(context.run.path))

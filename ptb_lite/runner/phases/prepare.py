"""The prepare phase: base model, the benchmarks' splits, and the agent's workspace."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.pins import known_pins
from ptb_lite.catalog.weights import base_model_folder, base_sha256
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.evaluate_model import answer_length
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import prepare_items
from ptb_lite.evaluation.lm_tasks.find import find_lm_task
from ptb_lite.evaluation.lm_tasks.task import GIVEN, LmTask, file_form, is_lm_task
from ptb_lite.evaluation.question_text import example_text, lm_example_text
from ptb_lite.evaluation.task_file import Task, TaskBenchmark, TaskGeneration
from ptb_lite.events import PreparationProgressed
from ptb_lite.files import write_record
from ptb_lite.hardware import detect_device
from ptb_lite.runner.context import (
    PhaseResult,
    Prepared,
    PreparedBenchmark,
    RunContext,
    base_names,
    prepared_entry,
)
from ptb_lite.workspace.prepare import Handout, data_file, example_file, given_file, hand_out

_EVERY_SECONDS = 1.0


def prepare(context: RunContext) -> PhaseResult:
    """Leave prepared.json, data/, workspace/ and harness.json.

    Raises PtbLiteError when a model or a benchmark cannot be had here, OSError on a full disk.
    """
    entry = context.catalog.model(context.spec.model)
    base = base_model_folder(
        entry, on_progress=partial(_tell, context), on_bytes=_Bytes(context, entry.id).tell
    )
    context.check_stop()
    benchmarks = tuple(prepared_benchmark(context, name) for name in context.spec.benchmarks)
    prepared = Prepared(
        base_model=base,
        base_sha256=base_sha256(base),
        revisions=_revisions(context, entry),
        benchmarks=benchmarks,
        off_target=tuple(_off_target(context, name) for name in context.spec.off_target),
    )
    write_record(context.run.prepared, prepared)
    spec = context.spec
    handout = Handout(
        task=task_of(context, prepared),
        data=given_data(context, prepared),
        disclosure=spec.disclosure,
        policy=spec.policy,
        machine=detect_device(spec.device).describe(),
        read_only=spec.read_only,
        network=spec.network,
    )
    write_record(context.run.harness, hand_out(context.run.workspace, handout))
    return PhaseResult(detail=", ".join(map(_counted, prepared.measured)))


def _revisions(context: RunContext, entry: ModelEntry) -> dict[str, str]:
    """The commits that are in use, now that everything has been fetched."""
    spec = context.spec
    names = [name for name in (*spec.benchmarks, *spec.off_target) if not is_lm_task(name)]
    data = () if spec.data_dir else map(context.catalog.benchmark, names)
    return known_pins(entry, data)


def _tell(context: RunContext, what: str) -> None:
    context.check_stop()
    context.journal.write(PreparationProgressed(what=what))


class _Bytes:
    """Writes how far a download is, seldom enough that the journal stays small."""

    def __init__(self, context: RunContext, what: str) -> None:
        self._context, self._what, self._last = context, what, 0.0

    def tell(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < _EVERY_SECONDS and done < total:
            return
        self._last = now
        self._context.check_stop()
        self._context.journal.write(
            PreparationProgressed(what=self._what, done_bytes=done, total_bytes=total)
        )


def task_of(context: RunContext, prepared: Prepared) -> Task:
    """The task as data; its deadline is filled in when the clock starts."""
    spec = context.spec
    family = context.catalog.model(spec.model).chat_family
    benchmarks = []
    for item in prepared.benchmarks:
        entry = prepared_entry(context, item)
        benchmarks.append(
            TaskBenchmark(
                id=entry.id,
                title=entry.title,
                train=data_file(entry.id, "train") if entry.train_size else "",
                feedback=data_file(entry.id, spec.feedback),
                num_fewshot=entry.num_fewshot,
                max_new_tokens=answer_length(entry, spec.max_new_tokens),
                chat_family=family if entry.kind == "dataset" else None,
                example=example_file(entry.id) if item.example else "",
                kind=entry.kind,
                lm_task=_given(item),
            )
        )
    return Task(
        base_model=str(prepared.base_model),
        base_model_id=spec.model,
        base_names=base_names(context, prepared),
        device=detect_device(spec.device).kind,
        benchmarks=tuple(benchmarks),
        feedback=spec.feedback,
        generation=TaskGeneration.model_validate(spec.generation.model_dump()),
        budget_minutes=spec.budget_minutes,
        deadline=0.0,
        seed=spec.seed,
        whole_weights=spec.submission == "full",
        feedback_limit=spec.dev_limit,
    )


def _counted(item: PreparedBenchmark) -> str:
    kept = f" ({item.held_out} are the agent's to see and not scored)" if item.held_out else ""
    return f"{item.limit} test items of {item.id}{kept}"


def prepared_benchmark(context: RunContext, name: str) -> PreparedBenchmark:
    entry, spec = context.catalog.benchmark(name), context.spec
    folder = context.run.data / file_form(name)
    folder.mkdir(parents=True, exist_ok=True)
    if is_lm_task(name):
        return _lm_task(context, name, folder)
    files = prepare_items(
        entry,
        folder,
        seed=spec.seed,
        salt=spec.item_salt,
        data_dir=spec.data_dir,
        feedback=spec.feedback,
    )
    example = ""
    if entry.kind == "dataset":
        family = context.catalog.model(spec.model).chat_family
        shown = folder / "example.txt"
        # Of the split that the agent sees anyway.
        seen = files.dev if files.dev.count else files.test
        shown.write_text(example_text(entry.id, read_items(seen.path)[0], family), encoding="utf-8")
        example = _relative(context, shown)
    return PreparedBenchmark(
        id=name,
        train=_relative(context, files.train.path),
        dev=_relative(context, files.dev.path),
        test=_relative(context, files.test.path),
        limit=spec.limit or files.test.count,
        available=files.test.count,
        held_out=len(files.held_out),
        example=example,
    )


def _off_target(context: RunContext, name: str) -> PreparedBenchmark:
    """As a target; but the run's limit is about targets, so that fewer items will do."""
    item = prepared_benchmark(context, name)
    return item.model_copy(update={"limit": min(item.limit, item.available)})


def _lm_task(context: RunContext, name: str, folder: Path) -> PreparedBenchmark:
    spec = context.spec
    found = find_lm_task(
        name,
        folder,
        seed=spec.seed,
        feedback=spec.feedback,
        include_path=spec.include_path,
        trusted=spec.trust_task_code,
        give=name in spec.benchmarks,
    )
    target = name in spec.benchmarks
    if target and spec.limit is not None and spec.limit > found.test:
        raise SpecError(f"{spec.limit} is more than the {found.test} of '{name}'", field="limit")
    if target and not found.num_fewshot:
        context.warn(f"{name}: has no examples but its test items: few-shot is zero-shot here")
    shown = folder / "example.txt"
    (item, *_) = read_items(folder / f"{spec.feedback}.jsonl")
    shown.write_text(lm_example_text(item, found.task), encoding="utf-8")
    return PreparedBenchmark(
        id=name,
        train=_relative(context, folder / "train.jsonl"),
        dev=_relative(context, folder / "dev.jsonl"),
        test=_relative(context, folder / "test.jsonl"),
        limit=spec.limit or found.test,
        available=found.test,
        held_out=len(found.held_out),
        example=_relative(context, shown),
        lm_task=found,
    )


def _given(item: PreparedBenchmark) -> LmTask | None:
    """The task as the agent has it, its file relative to the workspace."""
    if item.lm_task is None or item.lm_task.given is None:
        return None
    given = item.lm_task.given
    return given.model_copy(update={"definition": Path(given_file(item.id, given.definition.name))})


def given_data(context: RunContext, prepared: Prepared) -> dict[str, Path]:
    """What the agent gets of each benchmark: train and the split that it may look at."""
    splits = ["train", "dev"] + (["test"] if context.spec.feedback == "test" else [])
    data = {
        data_file(item.id, split): path
        for item in prepared.benchmarks
        for split in splits
        if (path := context.run.path / getattr(item, split)).stat().st_size > 0
    }
    examples = {
        example_file(item.id): context.run.path / item.example
        for item in prepared.benchmarks
        if item.example
    }
    given = {
        given_file(item.id, name): context.run.data / file_form(item.id) / GIVEN / name
        for item in prepared.benchmarks
        if item.lm_task
        for name in item.lm_task.given_files
    }
    return data | examples | given


def _relative(context: RunContext, path: Path) -> str:
    return os.fspath(path.resolve().relative_to(context.run.path))

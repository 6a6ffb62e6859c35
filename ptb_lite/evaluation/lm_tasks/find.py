"""Ask what a task of lm-eval is: in a process of its own, since its libraries are heavy."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ptb_lite.catalog.entries import BenchmarkEntry, lm_task_entry
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.splits import ItemFiles, SplitFile
from ptb_lite.evaluation.lm_tasks.task import (
    PREFIX,
    LmTaskFound,
    LmTaskRefused,
    LmTaskRequest,
    file_form,
)
from ptb_lite.files import file_sha256, write_text
from ptb_lite.installation import own_program

SECONDS = 1800.0
_REFUSED = 3


def find_lm_task(
    benchmark: str,
    folder: Path,
    *,
    seed: int,
    feedback: Literal["dev", "test"],
    include_path: Path | None = None,
    trusted: bool = False,
    give: bool = False,
) -> LmTaskFound:
    """Load a task and leave train.jsonl, dev.jsonl and test.jsonl in `folder`.

    `give`: also what an agent needs to evaluate on it, in `folder`/given.

    Raises ItemsError: the task is unknown, a group, not to be scored, not trusted, or its dataset
    cannot be had, which is named.
    """
    request = LmTaskRequest(
        name=benchmark.removeprefix(PREFIX),
        include_path=include_path and include_path.resolve(),
        trusted=trusted,
        folder=folder,
        seed=seed,
        feedback=feedback,
        give=give,
    )
    field = f"benchmark {benchmark}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "request.json", request.model_dump_json(indent=2))
        done = subprocess.run(
            own_program("ptb_lite.evaluation.lm_tasks.main", str(folder / "request.json")),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except OSError as error:
        raise ItemsError(f"cannot be written: {error.strerror}", field=str(folder)) from error
    except subprocess.TimeoutExpired as error:
        raise ItemsError(f"was not loaded in {SECONDS:.0f} s", field=field) from error
    try:
        if done.returncode == 0:
            return LmTaskFound.model_validate_json(done.stdout)
        if done.returncode == _REFUSED:
            refused = LmTaskRefused.model_validate_json(done.stdout)
            raise ItemsError(_printable(refused.message), field=field, hint=refused.hint)
    except ValidationError:
        pass  # The process said something else: told below.
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    raise ItemsError(
        f"cannot be loaded ({_printable(said[-1])[:300] if said else 'no reason was given'})",
        field=field,
    )


def item_folder(
    benchmark: str, cache: Path, *, seed: int, include_path: Path | None, trusted: bool
) -> Path:
    """Where the cache keeps a task's items."""
    key = f"{benchmark}\n{seed}\n{include_path and include_path.resolve()}\n{trusted}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache / "items" / f"{file_form(benchmark)}-{digest}"


def entry_of(benchmark: str, found: LmTaskFound) -> BenchmarkEntry:
    """The task as an entry of the catalogue."""
    sizes = {"train_size": found.train, "dev_size": max(1, found.dev), "test_size": found.test}
    about = {
        "num_fewshot": found.num_fewshot,
        "max_new_tokens": found.max_new_tokens,
        "scored_as": f"{found.task.measure}, by lm-eval",
    }
    return BenchmarkEntry.model_validate(
        {**lm_task_entry(benchmark).model_dump(), **sizes, **about}
    )


def files_of(benchmark: str, found: LmTaskFound) -> ItemFiles:
    """The items that `find_lm_task` left."""
    counts = {"train": found.train, "dev": found.dev, "test": found.test}
    files = {
        split: SplitFile(path=path, count=count, sha256=file_sha256(path))
        for split, count in counts.items()
        if (path := found.folder / f"{split}.jsonl")
    }
    return ItemFiles(
        benchmark=benchmark, recipe=found.task.sha256, held_out=found.held_out, **files
    )


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable())

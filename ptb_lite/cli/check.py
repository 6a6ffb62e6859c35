"""What `ptb-lite check` does: the verdict on a folder, as the seal would give it."""

from __future__ import annotations

import json
from pathlib import Path

from ptb_lite.catalog import ModelEntry, load_catalog
from ptb_lite.catalog.weights import base_model_folder
from ptb_lite.cli.common.defaults import EXIT_FAILED
from ptb_lite.cli.common.output import say
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.submission import check_submission
from ptb_lite.evaluation.task_file import read_task


def check_and_print(folder: Path, base_model: str | None, *, full: bool, as_json: bool) -> int:
    """The exit code: 0 accepted, 1 refused. Raises PtbLiteError without a base model to ask for."""
    base, ids, whole = _base(folder, base_model, full)
    found = check_submission(folder, base, ids, whole=whole)
    if as_json:
        print(json.dumps(found.model_dump(), ensure_ascii=True))
    elif found.valid:
        kind = "whole weights" if found.whole else "a LoRA adapter"
        say(f"{folder}  accepted: {kind} of {ids[0] if ids else base}")
        if found.left_out:
            say(f"  left out: {', '.join(found.left_out[:20])}")
    else:
        say(f"{folder}  not accepted: {found.problem}: {found.reason}")
    return 0 if found.valid else EXIT_FAILED


def _base(folder: Path, named: str | None, full: bool) -> tuple[Path, tuple[str, ...], bool]:
    """The base model's folder, its other names, and whether whole weights are accepted: as asked
    for, or those of the workspace."""
    if named is not None and Path(named).is_dir():
        return Path(named), (), full
    if named is not None:
        entry = load_catalog().model(named)
        names = (entry.id, entry.hub_id)
        return _folder_of(entry), tuple(name for name in names if name), full
    for place in (Path(), folder.absolute().parent):
        if (place / "task.json").is_file():
            task = read_task(place)
            known = task.base_names or (task.base_model_id,)
            return Path(task.base_model), known, full or task.whole_weights
    raise PtbLiteError(
        "is needed outside a run's workspace",
        field="--base-model",
        hint="Give the base model's id or folder",
    )


def _folder_of(entry: ModelEntry) -> Path:
    """The weights of a model; where they cannot be had, the way out names this command's option."""
    try:
        return base_model_folder(entry)
    except PtbLiteError as error:
        hint = error.hint.replace("--model", "--base-model")
        raise PtbLiteError(error.message, field="--base-model", hint=hint) from error

"""The process that loads a task: `python -m ptb_lite.evaluation.lm_tasks.main REQUEST.json`.

It fetches the task's dataset, writes the items, and says on standard output, as one line of JSON,
what it found (exit code 0) or why the task is refused (3). Any other end is a fault of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.worker import end_with_the_caller, take_standard_output
from ptb_lite.evaluation.lm_tasks.task import (
    GIVEN,
    LmTask,
    LmTaskFound,
    LmTaskRefused,
    LmTaskRequest,
)
from ptb_lite.files import write_lines

REFUSED = 3
FEW_SHOT = 5
"""Examples in a few-shot prompt, where a task does not say how many."""


def main(arguments: list[str] | None = None) -> int:
    (file,) = arguments if arguments is not None else sys.argv[1:]
    out = take_standard_output()
    end_with_the_caller()
    request = LmTaskRequest.model_validate_json(Path(file).read_bytes())
    said: BaseModel
    try:
        said, code = found(request), 0
    except PtbLiteError as error:
        said, code = LmTaskRefused(message=error.message, hint=error.hint), REFUSED
    out.write(said.model_dump_json().encode() + b"\n")
    out.flush()
    return code


def found(request: LmTaskRequest) -> LmTaskFound:
    """Load the task and write its items. Raises TaskRefusedError, OSError."""
    # Imported late: it takes seconds, and prints.
    from ptb_lite.evaluation.lm_tasks import definition
    from ptb_lite.evaluation.lm_tasks.docs import own_shots, splits_of
    from ptb_lite.evaluation.lm_tasks.given import give

    entry = definition.find_entry(request.name, request.include_path)
    definition.check(entry, trusted=request.trusted)
    assert entry.yaml_path is not None
    try:
        task = definition.load(entry.yaml_path)
    except Exception as error:
        # Whatever it was: the dataset, or a task file that lm-eval cannot make sense of.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise definition.TaskRefusedError(
            f"'{request.name}' cannot be loaded with its dataset "
            f"{definition.dataset_of(entry.cfg or {}) or '(none is named)'} ({reason})",
            hint="A dataset of the Hugging Face Hub needs the network once (HF_ENDPOINT names a "
            "mirror)",
        ) from error
    if getattr(task, "MULTIMODAL", False):
        raise definition.TaskRefusedError(f"'{request.name}' needs images or sound")
    metric, chosen = definition.counted_metric(task)
    splits = splits_of(task, seed=request.seed, feedback=request.feedback)
    shots = own_shots(task)
    about = LmTask(
        name=request.name,
        definition=entry.yaml_path.resolve(),
        sha256=definition.digest(entry.yaml_path),
        metric=metric,
        filter=chosen,
        trusted=request.trusted,
        own_shots=shots > 0,
        **definition.words_around(task),
    )
    request.folder.mkdir(parents=True, exist_ok=True)
    given = give(request, entry, task, about, splits) if request.give else None
    for split in ("train", "dev", "test"):
        write_lines(request.folder / f"{split}.jsonl", getattr(splits, split))
    return LmTaskFound(
        task=about,
        folder=request.folder,
        output_type=str(task.OUTPUT_TYPE),
        scored_split=splits.scored_split,
        source=splits.source,
        dataset=definition.hub_dataset(entry.cfg or {}),
        own_shots=shots > 0,
        train=len(splits.train),
        dev=len(splits.dev),
        test=len(splits.test),
        held_out=splits.held_out,
        num_fewshot=min(
            int(task.get_config("num_fewshot") or FEW_SHOT), shots or len(splits.held_out)
        ),
        max_new_tokens=definition.answer_length(task),
        given=given,
        given_files=tuple(sorted(path.name for path in (request.folder / GIVEN).glob("*")))
        if given
        else (),
    )


if __name__ == "__main__":
    sys.exit(main())

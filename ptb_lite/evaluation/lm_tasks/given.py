"""What an agent is given of a task: its own documents and the task's file, without the test.

The copy is graded by the same functions as the original: only where documents come from differs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lm_eval
import yaml
from datasets import Dataset
from lm_eval.tasks._index import Entry, Kind

from ptb_lite.evaluation.lm_tasks.definition import TaskRefusedError, digest, includes
from ptb_lite.evaluation.lm_tasks.docs import TaskSplits, documents
from ptb_lite.evaluation.lm_tasks.task import GIVEN, LmTask, LmTaskRequest
from ptb_lite.files import write_text

FOLDER = "ptb_lite_folder"
"""Key of the metadata that a copy is loaded with: where its documents lie."""
_FEEDBACK, _SHOTS, _DEFINITION = "feedback", "shots", "task.yaml"
# Of the data, which the copy has from files beside it, and of nothing else.
_LEFT_OUT = (
    *("include", "dataset_path", "dataset_name", "dataset_kwargs", "custom_dataset"),
    *("training_split", "validation_split", "test_split", "fewshot_split", "process_docs"),
    *("should_decontaminate", "doc_to_decontamination_query", "tag", "group", "task_list"),
)
# Shorter texts of test items stand in any file.
_TELLING = 40


class _Function(str):
    """The name of a Python function, as a task file has it behind `!function`."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Function, lambda dumper, name: dumper.represent_scalar("!function", str(name))
)


def give(
    request: LmTaskRequest, entry: Entry, task: Any, about: LmTask, splits: TaskSplits
) -> LmTask:
    """Write the copy into `request.folder`/given; returns it, its file relative to that folder.

    Raises TaskRefusedError where the task is a Python class, has too few items to hold some out, or
    what would be given holds test items; OSError.
    """
    if entry.kind is Kind.PY_TASK:
        raise TaskRefusedError(
            f"'{request.name}' is a Python class, of which an agent cannot be given a part",
            field="benchmark",
            hint="`ptb-lite eval` scores a model on it",
        )
    seen = splits.dev if request.feedback == "dev" else splits.test
    if not seen:
        raise TaskRefusedError(
            f"'{request.name}' has {len(splits.test)} items and no others: too few to hold some "
            "out for the agent",
            field="benchmark",
        )
    assert entry.yaml_path is not None
    folder = request.folder / GIVEN
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    source = splits.source if request.feedback == "dev" else splits.scored_split
    _write(folder / f"{_FEEDBACK}.jsonl", documents(task, source, seen))
    shown = documents(task, splits.source, splits.train)
    _write(folder / f"{_SHOTS}.jsonl", shown)
    values = _values(entry.yaml_path.resolve(), folder)
    kept = {key: value for key, value in values.items() if key not in _LEFT_OUT}
    shots = dict(kept.get("fewshot_config") or {})
    for key in ("process_docs", "split"):
        shots.pop(key, None)
    if splits.train and "samples" not in shots:
        kept["fewshot_split"] = _SHOTS
    if shots:
        kept["fewshot_config"] = shots
    kept |= {
        "task": request.name,
        "custom_dataset": _Function(f"{__name__}.given_documents"),
        "test_split": _FEEDBACK,
    }
    text = yaml.dump(kept, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    write_text(folder / _DEFINITION, text)
    if request.feedback == "dev":
        known = set(_texts([*documents(task, source, seen), *shown]))
        test = documents(task, splits.scored_split, splits.test)
        _refuse_test_items(folder, {text for text in _texts(test) if text not in known})
    return about.model_copy(
        update={
            "definition": Path(_DEFINITION),
            "sha256": digest(folder / _DEFINITION),
            "given": True,
            "exact_shots": True,
            "own_shots": bool(splits.train),
        }
    )


def given_documents(**metadata: Any) -> dict[str, Dataset]:
    """The `custom_dataset` of a copy: its documents, from the files beside it."""
    folder = Path(str(metadata[FOLDER]))
    return {name: _read(folder / f"{name}.jsonl") for name in (_FEEDBACK, _SHOTS)}


def _read(path: Path) -> Dataset:
    lines = path.read_text(encoding="utf-8").splitlines()
    return Dataset.from_list([json.loads(line) for line in lines])


def _write(path: Path, docs: list[dict[str, Any]]) -> None:
    # Dates and the like as text, as a template would show them.
    write_text(path, "".join(f"{json.dumps(doc, default=str)}\n" for doc in docs))


def _values(path: Path, folder: Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A task file with what it includes, as lm-eval merges them; functions stay names.

    The Python files that they are in are copied into `folder`, but for those of lm-eval itself.
    """
    if path in seen:
        raise TaskRefusedError(f"{path} includes itself", field="benchmark")

    class Loader(yaml.SafeLoader):
        pass

    def named(loader: yaml.SafeLoader, node: yaml.Node) -> _Function:
        assert isinstance(node, yaml.ScalarNode)
        return _portable(str(loader.construct_scalar(node)), path.parent, folder)

    Loader.add_constructor("!function", named)
    data = path.read_bytes()
    merged: dict[str, Any] = {}
    for name in includes(data):
        merged |= _values((path.parent / name).resolve(), folder, (*seen, path))
    return merged | dict(yaml.load(data, Loader=Loader))


def _portable(name: str, place: Path, folder: Path) -> _Function:
    """A function's name that means the same in `folder`."""
    module, _, function = name.rpartition(".")
    file = (place / f"{module.replace('.', '/')}.py").resolve()
    if not file.is_file():
        return _Function(name)
    library = Path(str(lm_eval.__file__)).resolve().parents[1]
    if file.is_relative_to(library / "lm_eval"):
        dotted = ".".join(file.relative_to(library).with_suffix("").parts)
        return _Function(f"{dotted}.{function}")
    target = folder / file.name
    number = 0
    while target.exists() and target.read_bytes() != file.read_bytes():
        number += 1
        target = folder / f"{file.stem}_{number}.py"
    shutil.copyfile(file, target)
    return _Function(f"{target.stem}.{function}")


def _refuse_test_items(folder: Path, test: set[str]) -> None:
    """Raises TaskRefusedError where a file that is given has a longer text of a test item in it.

    As it stands there: nobody can say what a program makes of other texts.
    """
    telling = [text for text in test if len(text) >= _TELLING]
    for path in sorted(folder.iterdir()):
        if path.suffix == ".jsonl":
            continue
        content = path.read_text(encoding="utf-8", errors="replace")
        if any(text in content for text in telling):
            shutil.rmtree(folder)
            raise TaskRefusedError(
                f"{path.name} holds test items, and the agent would be given it",
                field="benchmark",
                hint="Keep the task's data in files of their own",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)

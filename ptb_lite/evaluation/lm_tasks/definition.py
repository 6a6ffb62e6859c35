"""Find a task of lm-eval by name, refuse what cannot be run, load it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Entry, Kind

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.lm_tasks.task import PREFIX

LONGEST = 256
"""Tokens of an answer where a task does not say: `max_gen_toks` of lm-eval's HFLM."""
_MOST_NAMES = 12
# Of `datasets`: its files are pickles, which run code when they are read.
_PICKLES = ("pandas",)
# Of `datasets`: where a dataset is named by how its files are written.
_FORMATS = {"json", "csv", "text", "parquet", "arrow", "xml", "webdataset", *_PICKLES}


class TaskRefusedError(PtbLiteError):
    """A task that cannot be a benchmark, or not without the person's word."""


def find_entry(name: str, include_path: Path | None) -> Entry:
    """The index entry of one task; a person's own come first. No code of a task is run.

    Raises TaskRefusedError for a name that is unknown, or is a group's.
    """
    entry = None
    if include_path is not None:
        if not include_path.is_dir():
            raise TaskRefusedError(f"{include_path} is not a folder", field="include_path")
        own = TaskManager(include_defaults=False, include_path=include_path)
        entry = own.task_index.get(name)
        known = own
    if entry is None:
        known = TaskManager(include_path=include_path)
        entry = known.task_index.get(name)
    if entry is None:
        raise _unknown(name, known, include_path)
    if entry.kind in (Kind.GROUP, Kind.TAG):
        members = sorted(_members(entry))
        more = f" and {len(members) - _MOST_NAMES} more" if len(members) > _MOST_NAMES else ""
        raise TaskRefusedError(
            f"'{name}' is a group of tasks: {', '.join(members[:_MOST_NAMES])}{more}",
            field="benchmark",
            hint=f"Name one of them, as {PREFIX}{members[0]}" if members else "",
        )
    if entry.yaml_path is None:
        raise TaskRefusedError(f"'{name}' has no task file", field="benchmark")
    return entry


def check(entry: Entry, *, trusted: bool) -> None:
    """Raises TaskRefusedError where a task's kind cannot be scored, or it has code and is not
    trusted."""
    config = entry.cfg or {}
    if config.get("output_type") == "loglikelihood_rolling":
        raise TaskRefusedError(
            f"'{entry.name}' measures the likelihood of whole texts (loglikelihood_rolling), "
            "which has no right answers to count",
            field="benchmark",
        )
    if config.get("unsafe_code"):
        raise TaskRefusedError(
            f"'{entry.name}' runs a model's code without a sandbox",
            field="benchmark",
            hint="`humaneval` runs it in one",
        )
    if (code := next(_code_in(entry), "")) and not trusted:
        raise TaskRefusedError(
            f"'{entry.name}' runs Python code of its own ({code})",
            field="benchmark",
            hint="Read it, then give --trust-task-code",
        )


def load(definition: Path, metadata: Mapping[str, Any] | None = None) -> Any:
    """The loaded task of a file. Its dataset is read, and its code runs."""
    manager = TaskManager(include_defaults=False, metadata=dict(metadata) if metadata else None)
    return next(iter(manager.load([str(definition)])["tasks"].values()))


def words_around(task: Any) -> dict[str, str]:
    """What stands around question and answer, as the fields of an LmTask; what depends on the
    document is left out."""
    config = task.config
    description = config.description if isinstance(config.description, str) else ""
    ends = (config.generation_kwargs or {}).get("until") or []
    ends = [ends] if isinstance(ends, str) else ends
    return {
        "description": "" if "{{" in description else description,
        "delimiter": str(config.target_delimiter),
        # Other ends are the beginning of a next question, which nobody should learn to write.
        "stop": next((end for end in ends if isinstance(end, str) and end.isspace()), ""),
    }


def answer_length(task: Any) -> int:
    """The most tokens of an answer; lm-eval's own number where the task has none."""
    given = (task.config.generation_kwargs or {}).get("max_gen_toks")
    return given if isinstance(given, int) and given > 0 else LONGEST


def counted_metric(task: Any) -> tuple[str, str]:
    """(metric, filter): the task's own first metric of which higher is better, by its first filter.

    Raises TaskRefusedError where there is none, or it is not a mean over items.
    """
    better = task.higher_is_better()
    metric = next((name for name, higher in better.items() if higher), None)
    if metric is None:
        raise TaskRefusedError(
            f"'{task.task_name}' has no metric of which higher is better", field="benchmark"
        )
    # By name: lm-eval registers the functions, and a task may bring its own.
    if getattr(task.aggregation()[metric], "__name__", "") not in ("mean", "nanmean"):
        raise TaskRefusedError(
            f"the metric {metric} of '{task.task_name}' is no mean over items, so items cannot be "
            "compared one by one",
            field="benchmark",
        )
    filters = getattr(task, "_filters", [])
    return metric, str(filters[0].name) if filters else "none"


def digest(definition: Path) -> str:
    """SHA-256 of a task's file, of those that it includes, and of the Python files beside them."""
    found: dict[Path, str] = {}
    todo = [definition.resolve()]
    while todo:
        path = todo.pop()
        if path in found or not path.is_file():
            continue
        data = path.read_bytes()
        found[path] = hashlib.sha256(data).hexdigest()
        if path.suffix == ".yaml":
            todo += [path.parent / name for name in includes(data)]
            todo += sorted(path.parent.glob("*.py"))
    lines = sorted(f"{path.name}:{sha256}" for path, sha256 in found.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _members(entry: Entry) -> set[str]:
    if entry.kind is Kind.TAG:
        return set(entry.tags)
    listed = (entry.cfg or {}).get("task") or []
    listed = listed if isinstance(listed, list) else [listed]
    return {
        str(one.get("task") or one.get("group")) if isinstance(one, dict) else str(one)
        for one in listed
    }


def _unknown(name: str, known: TaskManager, include_path: Path | None) -> TaskRefusedError:
    import difflib

    near = difflib.get_close_matches(name[:80], known.all_tasks, n=1, cutoff=0.6)
    where = f" or in {include_path}" if include_path else ""
    return TaskRefusedError(
        f"there is no task '{name[:80]}' in lm-eval{where}",
        field="benchmark",
        hint=f"Did you mean '{PREFIX}{near[0]}'?" if near else "`lm_eval ls tasks` lists them",
    )


def _code_in(entry: Entry) -> Iterator[str]:
    """What of a task's file is Python that runs when the task does."""
    if entry.kind is Kind.PY_TASK:
        yield "class"
    assert entry.yaml_path is not None
    todo, seen = [entry.yaml_path.resolve()], set()
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        data = path.read_bytes()
        for node in _nodes(yaml.compose(data, Loader=yaml.SafeLoader)):
            if node.tag == "!function":
                yield f"!function {node.value}"[:80]
            elif isinstance(node, yaml.ScalarNode) and "__" in node.value and "{" in node.value:
                # Templates are not sandboxed by lm-eval: names with two underscores lead out.
                yield "a template with __"
        todo += [path.parent / name for name in includes(data)]
    path = str((entry.cfg or {}).get("dataset_path", ""))
    if path in _PICKLES or path.endswith(".py"):
        yield f"dataset_path: {path}"[:80]


def _nodes(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if node is None:
        return
    yield node
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _nodes(part)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(key)
            yield from _nodes(value)


def includes(data: bytes) -> list[str]:
    """The files that a task file includes, as it names them."""
    root = yaml.compose(data, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return []
    for key, value in root.value:
        if key.value == "include":
            parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
            return [os.fspath(part.value) for part in parts]
    return []


def hub_dataset(config: Mapping[str, Any]) -> str:
    """The Hub's id of the dataset, empty where it is read from files or made by code."""
    path = str(config.get("dataset_path") or "")
    if path in _FORMATS or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path) or Path(path).exists():
        return ""
    return path


def dataset_of(config: Mapping[str, Any]) -> str:
    """The dataset for people: its path and, where it has one, the name of its part."""
    return " ".join(str(config[key]) for key in ("dataset_path", "dataset_name") if config.get(key))

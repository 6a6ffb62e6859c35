"""The task files that lm-eval reads agree with the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ptb_lite.catalog import BenchmarkEntry, load_catalog
from ptb_lite.evaluation.benchmark import find_benchmark

FOLDER = Path(__file__).parents[3] / "ptb_lite" / "benchmarks"


class Loader(yaml.SafeLoader):
    """Reads `!function NAME` as the name."""


Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def read(path: Path) -> dict[str, object]:
    task: dict[str, object] = yaml.load(path.read_text(), Loader=Loader)
    included = task.pop("include", None)
    return {**read(path.parent / str(included)), **task} if included else task


@pytest.mark.parametrize("entry", load_catalog().benchmarks.values(), ids=lambda entry: entry.id)
def test_a_task_file_says_what_the_catalogue_says(entry: BenchmarkEntry) -> None:
    task = read(FOLDER / entry.id / "task.yaml")
    assert task["task"] == f"ptb_lite_{entry.id}"
    settings = task["generation_kwargs"]
    assert isinstance(settings, dict)
    assert settings == {
        "until": list(find_benchmark(entry.id).stop),
        "do_sample": False,
        "max_gen_toks": entry.max_new_tokens,
    }
    assert task["fewshot_split"] == "train"
    assert task["fewshot_config"] == {"sampler": "first_n"}
    assert task["metadata"] == {"version": 2}


def test_there_are_three_kinds_and_no_task_file_without_an_entry() -> None:
    benchmarks = load_catalog().benchmarks
    assert len({entry.generator for entry in benchmarks.values() if entry.generator}) >= 3
    assert {path.parent.name for path in FOLDER.glob("*/task.yaml")} == set(benchmarks)


def test_every_dataset_benchmark_has_functions_of_its_own() -> None:
    for entry in load_catalog().benchmarks.values():
        wanted = entry.id if entry.kind == "dataset" else "procedural"
        assert find_benchmark(entry.id).id == wanted

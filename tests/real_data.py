"""Real benchmark data for tests: the fixtures everywhere, the whole sets where they are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.entries import BenchmarkEntry

FIXTURES = Path(__file__).parent / "fixtures"
WHOLE = Path(__file__).parents[1] / "../shared/data"


def folders(benchmark: str) -> list[Any]:
    """The folders to be run on, as parameters; one that is absent is skipped with a reason."""

    def param(folder: Path, name: str) -> Any:
        absent = not (folder / benchmark).is_dir()
        skip = pytest.mark.skipif(absent, reason=f"the {name} set of {benchmark} is not here")
        return pytest.param(folder, id=name, marks=skip)

    return [param(FIXTURES, "fixture"), param(WHOLE, "whole")]


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def fitted(benchmark: str, folder: Path) -> BenchmarkEntry:
    """The catalogue's entry, with the sizes of the fixture where that is the folder."""
    entry = load_catalog().benchmark(benchmark)
    if folder != FIXTURES:
        return entry
    sizes = {
        "humaneval": {"dev_size": 4, "test_size": 20},
        "bfcl": {"train_size": 4, "dev_size": 4, "test_size": 20, "num_fewshot": 4},
    }
    return entry.model_copy(update=sizes[benchmark])

"""The benchmarks of the catalogue, as they are prepared: an honest workspace stays clean."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.record import HarnessManifest
from ptb_lite.catalog.loader import load_catalog
from ptb_lite.evaluation.items.item import completion, prompt, read_items
from ptb_lite.evaluation.items.splits import prepare_items

CATALOG = load_catalog()
DATA = Path(__file__).parents[3] / "../shared/data"


def _known(name: str) -> pytest.ParameterSet:
    entry = CATALOG.benchmarks[name]
    absent = entry.data is not None and not (DATA / entry.data.test.local).is_file()
    return pytest.param(
        name, marks=pytest.mark.skipif(absent, reason=f"../shared/data has no data of {name}")
    )


@pytest.mark.parametrize("benchmark", map(_known, sorted(CATALOG.benchmarks)))
def test_honest_is_clean_and_stolen_is_found(tmp_path: Path, benchmark: str) -> None:
    files = prepare_items(
        CATALOG.benchmarks[benchmark],
        tmp_path / "items",
        seed=3,
        salt="only for this test",
        data_dir=DATA,
    )
    workspace = tmp_path / "workspace"
    data = workspace / "data" / benchmark
    data.mkdir(parents=True)
    for split in (files.train, files.dev):
        shutil.copy(tmp_path / "items" / split.path.name, data)
    manifest = HarnessManifest(
        files={
            path.relative_to(workspace).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in data.iterdir()
        }
    )
    test = read_items(tmp_path / "items" / files.test.path.name)
    items = tuple(TestItem(item.id, item.question, item.target, benchmark) for item in test)
    case = AuditCase(folder=workspace, items=items, harness=manifest)

    def write(name: str, split: str) -> None:
        lines = [
            json.dumps({"prompt": prompt(item.question), "completion": completion(item.target)})
            for item in read_items(tmp_path / "items" / split)
        ]
        (workspace / name).write_text("".join(f"{line}\n" for line in lines))

    write("train_data.jsonl", files.train.path.name)
    write("dev_samples.jsonl", files.dev.path.name)
    honest = OverlapDetector().run(case)
    assert (honest.status, honest.flags) == ("clean", ())
    write("train_data.jsonl", files.test.path.name)
    stolen = OverlapDetector().run(replace(case))  # a new case: the listing is of its first use
    assert stolen.decides()
    assert {flag.file for flag in stolen.flags} == {"train_data.jsonl"}

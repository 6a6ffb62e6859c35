"""The packaged task of a dataset benchmark is one that the `lm_eval` command runs."""

from __future__ import annotations

import json
from pathlib import Path

from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.engine.lm.task_definition import write_task_file
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import prepare_items
from tests.functional.evaluation.lm_eval_command import run_lm_eval
from tests.real_data import FIXTURES, fitted


def test_the_command_asks_and_judges_as_we_do(tiny_model: Path, tmp_path: Path) -> None:
    entry = fitted("bfcl", FIXTURES)
    files = prepare_items(entry, tmp_path / "items", seed=1, salt="s", data_dir=FIXTURES)
    metadata = {"items": str(files.test.path), "benchmark": "bfcl", "chat_family": "gemma"}
    found = run_lm_eval(
        tiny_model,
        write_task_file(find_benchmark("bfcl"), tmp_path / "bfcl.yaml"),
        metadata,
        tmp_path / "out",
        ("--limit", "3", "--gen_kwargs", "max_gen_toks=6"),
    )
    assert found["results"]["ptb_lite_bfcl"]["correct,none"] == 0.0
    (samples,) = (tmp_path / "out").rglob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    wanted = [item.id for item in read_items(files.test.path)[:3]]
    assert [line["doc"]["id"] for line in lines] == wanted
    assert all(line["doc"]["prompt"].startswith("<start_of_turn>user\n") for line in lines)

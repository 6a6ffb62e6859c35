"""A whole run on published datasets: what the agent finds, what is scored, what is held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.results import read_samples
from ptb_lite.files import read_record
from ptb_lite.runner.context import Prepared
from tests.functional.runner.conftest import Bench

DATA = Path(__file__).parents[3] / "../shared/data"

pytestmark = pytest.mark.skipif(
    not (DATA / "gsm8k").is_dir(), reason="the folder ../shared/data with benchmark data is absent"
)


# The agent's own evaluation: there, bubblewrap cannot be used, since it runs inside of it.
EVALUATE = """
submit()
import subprocess, sys
with open("said.txt", "w") as said, open("errors.txt", "w") as errors:
    command = [sys.executable, "evaluate.py", "--json", "--limit", "2", "--benchmark", "humaneval"]
    subprocess.run(command, stdout=said, stderr=errors)
"""


def test_a_run_on_datasets_keeps_dev_items_out_of_the_score(bench: Bench) -> None:
    run = bench.run(
        EVALUATE,
        benchmarks=("gsm8k", "humaneval", "add-numbers"),
        data_dir=DATA.resolve(),
        limit=3,
        minutes=3.0,
        max_new_tokens=8,
    )
    scores = run.read_scores()
    assert scores is not None, run.log.read_text()[-2000:]
    assert [found.benchmark for found in scores.benchmarks] == ["gsm8k", "humaneval", "add-numbers"]
    prepared = {item.id: item for item in read_record(run.prepared, Prepared).benchmarks}
    assert prepared["humaneval"].held_out == 32
    assert prepared["gsm8k"].held_out == prepared["add-numbers"].held_out == 0

    dev = read_items(run.workspace / "data/humaneval/dev.jsonl")
    test = read_items(run.path / prepared["humaneval"].test)
    assert (len(dev), len(test)) == (32, 132)
    assert not {item.id for item in dev} & {item.id for item in test}
    (said,) = (run.workspace / "said.txt").read_text().splitlines()
    assert json.loads(said)["n"] == 2, (run.workspace / "errors.txt").read_text()
    handed_over = {path.name for path in (run.workspace / "data/humaneval").iterdir()}
    assert handed_over == {"dev.jsonl", "example.txt"}
    assert len(read_items(run.workspace / "data/gsm8k/train.jsonl")) == 7273

    passes = {
        name: read_samples(run.evaluations / folder / f"{name}.humaneval.samples.jsonl")
        for folder, name in (
            ("baseline", "zero_shot"),
            ("baseline", "few_shot"),
            ("after", "after"),
        )
    }
    ids = [item.id for item in test[:3]]
    assert all([sample.item_id for sample in found] == ids for found in passes.values())

    after = json.loads((run.evaluations / "after/after.humaneval.json").read_text())
    few = json.loads((run.evaluations / "baseline/few_shot.humaneval.json").read_text())
    assert (after["chat_family"], few["chat_family"]) == ("gemma", None)
    assert after["notes"]["sandbox"] in ("bubblewrap", "none")
    plain = json.loads((run.evaluations / "after/after.add-numbers.json").read_text())
    assert plain["chat_family"] is None

    told = (run.workspace / "prompt.md").read_text()
    assert "data/humaneval/example.txt" in told
    assert "there are no training items" in told
    assert "An item of `add-numbers`" in told

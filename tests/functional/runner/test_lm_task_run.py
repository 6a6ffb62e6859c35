"""A run whose targets are a person's own tasks of lm-eval: chosen, generated, and with code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.evaluation.items.item import read_items
from ptb_lite.events import Outcome, Verdict
from tests.functional.runner.conftest import Bench

COUNT = 20
HEAD = "task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{{files}}}}}\n"
CHOSEN = """
training_split: train
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: label
"""
# Of a random model about half of the answers are right, and only its own code knows.
GRADED = """
test_split: test
output_type: generate_until
doc_to_text: !function own.text
doc_to_target: "{{answer}}"
process_results: !function own.graded
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 6}
metric_list:
  - {metric: even, aggregation: mean, higher_is_better: true}
"""
OWN = """
def text(doc):
    return "Q: " + doc["question"]

def graded(doc, results):
    return {"even": float(sum(map(ord, results[0])) % 2 == 0)}
"""
AGENT = """
import glob, subprocess
print("FOUND", sorted(glob.glob("data/*/*") + glob.glob("data/*/task/*")))
command = ["python", "evaluate.py", "--json", "--model", "base"]
done = subprocess.run(command, capture_output=True, text=True)
lines = [json.loads(x) for x in done.stdout.splitlines()]
print("SCORED", json.dumps(lines), repr(done.stderr[-900:]))
submit()
"""


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    for split in ("train", "test"):
        rows = [
            {
                "question": f"a question of the {split} split with the number {n} in it, is it so?",
                "answer": "abc"[n % 3],
                "choices": [f"one {n}", f"two and {n}", "none"],
                "label": n % 3,
            }
            for n in range(COUNT)
        ]
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    files = ", ".join(f"{name}: {folder}/{name}.jsonl" for name in ("train", "test"))
    for name, body in (
        ("own_chosen", CHOSEN),
        ("own_graded", GRADED),
        ("own_beside", CHOSEN),
    ):
        (folder / f"{name}.yaml").write_text(HEAD.format(name=name, files=files) + body)
    (folder / "own.py").write_text(OWN)
    return folder


@pytest.mark.slow
def test_a_run_on_tasks_of_lm_eval(bench: Bench, tasks: Path) -> None:
    names = ("lm-eval:own_chosen", "lm-eval:own_graded")
    spec = {
        "benchmarks": names,
        "off_target": ("lm-eval:own_beside",),
        "include_path": tasks,
        "trust_task_code": True,
        "minutes": 5.0,
        "limit": 10,
        "dev_limit": None,
    }
    run = bench.finish(bench.start(AGENT, **spec), 900.0)
    status = run.read_status()
    assert status.outcome is Outcome.FINISHED, status.detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.verdict is Verdict.CLEAN, scores.verdict_reason
    assert [one.benchmark for one in scores.benchmarks] == list(names)
    assert scores.benchmarks[1].title.endswith("own_graded, even")
    for one in scores.benchmarks:
        assert one.raw is not None
        assert one.zero_shot is not None
        assert one.few_shot is not None
        assert (one.zero_shot.n, one.few_shot.n, one.raw.n) == (10, 10, 10)
    assert [one.num_fewshot for one in scores.benchmarks] == [5, 4]

    assert scores.off_target is not None
    (beside,) = scores.off_target.benchmarks
    assert beside.before is not None
    assert beside.after is not None
    assert (beside.benchmark, beside.before.n, beside.after.n) == ("lm-eval:own_beside", 10, 10)
    assert not (run.data / "lm-eval@own_beside" / "given").exists()
    assert not [path for path in run.workspace.rglob("*") if "own_beside" in str(path)]

    said = dict(line.split(" ", 1) for line in (run.trace / "stdout.log").read_text().splitlines())
    scored = {line["benchmark"]: line for line in json.JSONDecoder().raw_decode(said["SCORED"])[0]}
    assert set(scored) == set(names), said["SCORED"]
    assert [scored[name]["n"] for name in names] == [10, 4]
    assert "'data/lm-eval@own_graded/task/own.py'" in said["FOUND"]

    # No text of a scored item is in anything that was handed out.
    given = [path for path in run.workspace.rglob("*") if path.is_file()]
    held = "".join(path.read_text(errors="replace") for path in given)
    for name in ("own_chosen", "own_graded"):
        items = read_items(run.data / f"lm-eval@{name}" / "test.jsonl")
        shown = read_items(run.data / f"lm-eval@{name}" / "dev.jsonl")
        assert shown
        assert all(item.question.split("Q: ")[-1].split("\n")[0] in held for item in shown)
    assert not [item.id for item in items if item.question.split("Q: ")[-1].split("\n")[0] in held]
    # What is held out counts no more: the agent may train on it.
    assert scores.benchmarks[1].held_out == 4
    assert len(items) == COUNT - 4

"""Any lm-eval task as a benchmark: item by item what the `lm_eval` command says, or a refusal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.worker import OFFLINE
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.lm_tasks.definition import hub_dataset
from ptb_lite.evaluation.lm_tasks.find import find_lm_task
from ptb_lite.evaluation.lm_tasks.main import found as found_here
from ptb_lite.evaluation.lm_tasks.task import LmTaskRequest
from ptb_lite.evaluation.results import read_samples

COUNT = 12
COMPARED = ("own_choice", "own_generate", "own_code")
TRUSTED = ("--trust-task-code",)
HEAD = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{{splits}}}
"""
CHOICE = """
training_split: train
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: choices
doc_to_target: label
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
GENERATE = """
test_split: test
output_type: generate_until
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 8}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
filter_list:
  - name: first-letter
    filter:
      - {function: regex, regex_pattern: "([a-z])"}
      - {function: take_first}
  - name: whole
    filter: [{function: take_first}]
"""
# Graded by the task's own function, of which some answers of a random model are right.
CODE = """
test_split: test
output_type: generate_until
doc_to_text: !function own.text
doc_to_target: "{{answer}}"
process_results: !function own.graded
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 6}
metric_list:
  - {metric: loss, aggregation: mean, higher_is_better: false}
  - {metric: even, aggregation: mean, higher_is_better: true}
"""
OWN = """
def text(doc):
    return "Q: " + doc["question"]

def graded(doc, results):
    return {"loss": 9.0, "even": float(sum(map(ord, results[0])) % 2 == 0)}
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    for split in ("train", "test"):
        lines = [
            {
                "question": f"which of {split} {n} times {n % 5}",
                "answer": "abc"[n % 3],
                "choices": [f"one {n}", f"two and {n}", "none"],
                "label": n % 3,
            }
            for n in range(COUNT)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    splits = ", ".join(f"{name}: {folder / name}.jsonl" for name in ("train", "test"))
    bodies = {
        "own_choice": CHOICE,
        "own_generate": GENERATE,
        "own_code": CODE,
        "own_rolling": "test_split: test\noutput_type: loglikelihood_rolling\n"
        'doc_to_text: ""\ndoc_to_target: "{{question}}"\n',
    }
    for name, body in bodies.items():
        (folder / f"{name}.yaml").write_text(HEAD.format(name=name, splits=splits) + body)
    (folder / "group.yaml").write_text("group: own_group\ntask: [own_choice, own_generate]\n")
    (folder / "sneaky.yaml").write_text("include: own_code.yaml\ntask: own_sneaky\n")
    (folder / "hub.yaml").write_text("task: own_hub\ndataset_path: nobody/nothing\n" + GENERATE)
    (folder / "template.yaml").write_text(
        HEAD.format(name="own_template", splits=splits)
        + GENERATE.replace("{{question}}", "{{question.__class__}}")
    )
    (folder / "own.py").write_text(OWN)
    return folder


@dataclass(frozen=True)
class Said:
    score: float
    values: list[float]
    completions: list[str]


def _ours(model: Path, tasks: Path, cache: Path, name: str, *more: str) -> tuple[Any, str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ptb_lite", "eval", str(model), "--json", "--device", "cpu"),
            *("--benchmark", f"lm-eval:{name}", "--include-path", str(tasks), *more),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **OFFLINE, "PTB_LITE_CACHE": str(cache)},
        timeout=500,
    )
    return (json.loads(done.stdout)["results"][0] if done.returncode == 0 else None), done.stderr


@pytest.fixture(scope="module")
def command(tiny_model: Path, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the `lm_eval` command leaves of all of them, as a person would type it."""
    output = tmp_path_factory.mktemp("command")
    subprocess.run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu"),
            *("--model_args", f"pretrained={tiny_model},dtype=bfloat16", "--batch_size", "32"),
            *("--tasks", ",".join(str(tasks / f"{name}.yaml") for name in COMPARED)),
            *("--limit", "10"),
            *("--log_samples", "--output_path", str(output)),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, **OFFLINE},
        timeout=500,
    )
    return output


def _theirs(output: Path, name: str, metric: str, chosen: str) -> Said:
    (results,) = output.rglob("results_*.json")
    (samples,) = output.rglob(f"samples_{name}_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    lines = sorted((x for x in lines if x["filter"] == chosen), key=lambda x: x["doc_id"])
    return Said(
        score=json.loads(results.read_text())["results"][name][f"{metric},{chosen}"],
        values=[float(line[metric]) for line in lines],
        completions=[str(line["resps"][0][0]) for line in lines],
    )


@pytest.mark.parametrize(
    ("name", "metric", "chosen", "more"),
    [
        ("own_choice", "acc", "none", ()),
        ("own_generate", "exact_match", "first-letter", ()),
        pytest.param("own_code", "even", "none", TRUSTED, marks=pytest.mark.slow),
    ],
)
def test_item_by_item_as_the_command(
    name: str,
    metric: str,
    chosen: str,
    more: tuple[str, ...],
    tiny_model: Path,
    tasks: Path,
    command: Path,
    tmp_path: Path,
) -> None:
    ours, errors = _ours(tiny_model, tasks, tmp_path / "cache", name, "--limit", "10", *more)
    assert ours is not None, errors
    theirs = _theirs(command, name, metric, chosen)
    samples = read_samples(Path(ours["samples"]))
    assert [sample.score for sample in samples] == theirs.values
    assert ours["score"] == pytest.approx(theirs.score, abs=1e-12)
    assert ours["metric"] == (metric if chosen == "none" else f"{metric} ({chosen})")
    assert ours["benchmark"] == f"lm-eval:{name}"
    assert ":" not in Path(ours["samples"]).name
    assert [sample.item_id for sample in samples] == [f"test-{n}" for n in range(10)]
    if name != "own_choice":
        assert [sample.completion for sample in samples] == theirs.completions
    # Grading that always says the same would pass anything.
    assert name == "own_generate" or len(set(theirs.values)) == 2


@pytest.mark.parametrize(
    ("path", "dataset"),
    [("allenai/ai2_arc", "allenai/ai2_arc"), ("hellaswag", "hellaswag"), ("json", ""), ("/", "")],
)
def test_a_data_set_of_the_hub_is_told_from_files(path: str, dataset: str) -> None:
    assert hub_dataset({"dataset_path": path}) == dataset
    assert hub_dataset({}) == ""


def _here(folder: Path, tasks: Path, name: str, **more: Any) -> Any:
    """As `find_lm_task`, in this process: each of its own takes seconds to load lm-eval."""
    asked = {"seed": 1, "feedback": "dev", "include_path": tasks, **more}
    return found_here(LmTaskRequest(name=name, folder=folder, **asked))


def _by_process(folder: Path, tasks: Path, name: str) -> Any:
    return find_lm_task(f"lm-eval:{name}", folder, seed=1, feedback="dev", include_path=tasks)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_rolling", ("loglikelihood_rolling", "no right answers")),
        ("own_code", ("!function own.text", "--trust-task-code")),
        ("own_sneaky", ("!function", "--trust-task-code")),
        ("own_template", ("a template with __",)),
        ("own_group", ("own_choice, own_generate", "lm-eval:own_choice")),
        ("own_hub", ("nobody/nothing", "network")),
    ],
)
def test_what_cannot_be_scored_is_refused(
    name: str, words: tuple[str, ...], tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in OFFLINE.items():
        monkeypatch.setenv(variable, value)
    # The worker's sentence comes through the process as it is: once is enough.
    ask = _by_process if name in ("own_hub", "own_group") else _here
    with pytest.raises(PtbLiteError) as refused:
        ask(tmp_path, tasks, name)
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert not (tmp_path / "test.jsonl").exists()


def test_items_come_from_the_tasks_own_splits(tasks: Path, tmp_path: Path) -> None:
    found = _here(tmp_path / "a", tasks, "own_choice")
    assert (found.source, found.train, found.dev, found.test) == ("train", 6, 6, COUNT)
    assert found.dataset == ""
    test = read_items(tmp_path / "a/test.jsonl")
    assert (test[1].question, test[1].target) == (
        "Question: which of test 1 times 1\nAnswer:",
        "two and 1",
    )
    dev = read_items(tmp_path / "a/dev.jsonl")
    assert all("of train" in item.question for item in dev)

    seen = _here(tmp_path / "b", tasks, "own_generate")
    assert (seen.source, seen.train, seen.dev, seen.test) == ("test", 0, 2, COUNT - 2)
    kept = {item.id for item in read_items(tmp_path / "b/test.jsonl")}
    assert set(seen.held_out).isdisjoint(kept)
    assert len(kept | set(seen.held_out)) == COUNT
    again = _here(tmp_path / "c", tasks, "own_generate", seed=2)
    assert again.held_out != seen.held_out

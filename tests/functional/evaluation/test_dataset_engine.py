"""The engine on dataset benchmarks: what the model is asked, what is kept, what lm-eval says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.engine.chat import render
from ptb_lite.evaluation.engine.lm.functions import load_items
from ptb_lite.evaluation.engine.process import run_evaluation
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import prepare_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.results import read_samples
from tests.real_data import fitted, folders


@pytest.mark.parametrize("folder", folders("gsm8k"))
def test_passes_over_datasets_in_one_process(
    folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    files = {
        name: prepare_items(
            fitted(name, folder), tmp_path / name, seed=1, salt="s", data_dir=folder
        )
        for name in ("gsm8k", "bfcl", "humaneval")
    }

    def task(name: str, label: str, shots: int = 0, limit: int = 3) -> EvaluationTask:
        return EvaluationTask(
            label=label,
            benchmark=name,
            items=files[name].test.path,
            shots=files[name].train.path if shots else None,
            num_fewshot=shots,
            limit=limit,
            max_new_tokens=6,
            chat_family=None if shots else "qwen3",
        )

    tasks = (
        task("bfcl", "few"),
        task("bfcl", "more", limit=6),
        task("humaneval", "zero_shot"),
        task("gsm8k", "few_shot", shots=2),
    )
    job = EvaluationJob(model=tiny_model, device="cpu", tasks=tasks, output=tmp_path / "out")
    bfcl, more, code, few_shot = run_evaluation(job)
    passes = {
        result.label: read_samples(job.output / result.samples)
        for result in (bfcl, more, code, few_shot)
    }
    # The items that a limit takes are always the same, and smaller limits take some of them.
    wanted = [item.id for item in read_items(files["bfcl"].test.path)]
    assert [sample.item_id for sample in passes["few"]] == wanted[:3]
    assert [sample.item_id for sample in passes["more"]] == wanted[:6]
    # A tiny random model answers nothing right, and says something.
    for result in (bfcl, more, code, few_shot):
        assert (result.score, result.max_new_tokens) == (0.0, 6)
        assert any(sample.completion for sample in passes[result.label])
    assert (bfcl.chat_family, few_shot.chat_family, few_shot.num_fewshot) == ("qwen3", None, 2)
    assert bfcl.also == {"type_aware": 0.0}
    assert all(sample.also == {"type_aware": 0.0} for sample in passes["few"])
    assert set(code.notes) >= {"sandbox", "system_calls_filtered", "seconds_per_problem"}


@pytest.mark.parametrize("family", ["qwen3", "gemma", "smollm", None])
def test_prompts_are_rendered_here_and_examples_are_plain(
    family: str | None, tmp_path: Path
) -> None:
    benchmark = find_benchmark("gsm8k")
    row = {
        "question": "Ann packs 3 boxes with 4 kites each. How many kites is that?",
        "answer": "She packs 3 * 4 = 12 kites.\n#### 12",
    }
    item = benchmark.item(row)
    assert item is not None
    file = tmp_path / "items.jsonl"
    file.write_text(item.model_dump_json() + "\n")
    made = load_items(str(file), str(file), "gsm8k", family)  # type: ignore[arg-type]
    (asked,) = made["test"]
    wanted = benchmark.plain(item) if family is None else render(benchmark.chat(item), family)  # type: ignore[arg-type]
    assert asked["prompt"] == wanted
    (example,) = made["train"]
    assert (
        example["prompt"] + example["solved"]
        == f"Question: {item.question}\nAnswer: {row['answer']}"
    )

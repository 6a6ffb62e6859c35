"""What the recipe agent learns from: items as the evaluation will ask them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.agents.own.recipe_main import training_rows
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.task_file import Task, TaskBenchmark, TaskGeneration

ITEM = Item(id="a", question="One and one?", target="2", metadata={"solution": "1 + 1 = 2\n#### 2"})


def _task(folder: Path, *, train: bool, feedback: str = "dev") -> Task:
    for name in ("train", "dev", "test"):
        (folder / f"{name}.jsonl").write_text(ITEM.model_dump_json() + "\n")
    benchmark = TaskBenchmark(
        id="gsm8k",
        title="GSM8K",
        train=str(folder / "train.jsonl") if train else "",
        feedback=str(folder / f"{feedback}.jsonl"),
        num_fewshot=0,
        max_new_tokens=64,
        chat_family="gemma",
        example="data/gsm8k/example.txt",
    )
    return Task.model_validate(
        {
            "base_model": "base",
            "base_model_id": "base",
            "device": "cpu",
            "benchmarks": [benchmark],
            "feedback": feedback,
            "generation": TaskGeneration(),
            "budget_minutes": 1,
            "deadline": 0,
            "seed": 0,
        }
    )


def test_a_chat_is_learned_with_its_template(tmp_path: Path) -> None:
    (row,) = training_rows(_task(tmp_path, train=True))
    assert row["prompt"].startswith("<start_of_turn>user\n")
    assert row["prompt"].endswith("One and one?<end_of_turn>\n<start_of_turn>model\n")
    assert row["completion"] == "1 + 1 = 2\nANSWER: 2<end_of_turn>"


def test_without_a_train_split_dev_items_are_learned_and_test_items_never(tmp_path: Path) -> None:
    assert len(training_rows(_task(tmp_path, train=False))) == 1
    with pytest.raises(PtbLiteError):
        training_rows(_task(tmp_path, train=False, feedback="test"))

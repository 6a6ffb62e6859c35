"""Scores of different engines are never taken for one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.evaluation.identity import task_key
from ptb_lite.evaluation.job import Engine, EvaluationJob, EvaluationTask

VLLM = Engine(name="vllm", packages={"vllm": "0.32.0", "torch": "2.13.0"}, memory_share=0.9)


@pytest.fixture
def job(tmp_path: Path) -> EvaluationJob:
    (tmp_path / "items").write_text("{}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    task = EvaluationTask(label="a", benchmark="b", items=tmp_path / "items")
    return EvaluationJob(model=tmp_path / "model", tasks=(task,), output=tmp_path)


def key(job: EvaluationJob, engine: Engine, batch: int = 512) -> str:
    chosen = job.model_copy(update={"engine": engine, "batch_size": batch})
    return task_key(chosen, job.tasks[0], weights="w", device="cuda", packages={})


def test_engine_version_and_batch_are_part_of_a_results_key(job: EvaluationJob) -> None:
    other = VLLM.model_copy(update={"packages": VLLM.packages | {"vllm": "0.33.0"}})
    torch = VLLM.model_copy(update={"packages": VLLM.packages | {"torch": "2.14.0"}})
    keys = [key(job, VLLM), key(job, Engine()), key(job, other), key(job, torch)]
    assert len({*keys, key(job, VLLM, 64)}) == 5


def test_where_it_lies_and_what_memory_it_may_take_is_not(job: EvaluationJob) -> None:
    moved = VLLM.model_copy(update={"python": Path("/opt/bin/python"), "memory_share": 0.4})
    assert key(job, moved) == key(job, VLLM)

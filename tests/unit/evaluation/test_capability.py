"""The facts about a job: read from files, without loading a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.engine import capability
from ptb_lite.evaluation.engine.capability import gather, model_numbers, plan_evaluation, with_plan
from ptb_lite.evaluation.engine.plan import Work
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.vllm.place import Missing, Vllm
from ptb_lite.hardware import Device

GB = 10**9
CONFIG = {
    "model_type": "qwen3",
    "vocab_size": 151936,
    "hidden_size": 1024,
    "num_hidden_layers": 28,
    "intermediate_size": 3072,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "torch_dtype": "bfloat16",
}


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device("cuda", "Card", 24 * GB, 23 * GB, 8, (8, 9), "580.1")
    monkeypatch.setattr(capability, "detect_device", lambda _: device)


def make_job(folder: Path, config: object = CONFIG) -> EvaluationJob:
    model = folder / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(config))
    with (model / "model.safetensors").open("wb") as file:
        file.truncate(2 * 596_000_000)
    lines = [
        json.dumps({"id": str(n), "question": "q" * (30 * n), "target": "t" * 30}) for n in range(4)
    ]
    (folder / "items").write_text("\n".join(lines))
    task = EvaluationTask(label="a", benchmark="b", items=folder / "items", max_new_tokens=512)
    shots = task.model_copy(
        update={"shots": folder / "items", "num_fewshot": 2, "limit": 3, "max_new_tokens": None}
    )
    return EvaluationJob(model=model, tasks=(task, shots), output=folder)


@pytest.mark.usefixtures("card")
def test_work_and_memory_are_those_of_the_job(tmp_path: Path) -> None:
    facts = gather(make_job(tmp_path), "transformers")
    assert facts.work == (Work(4, 512), Work(3, 32))
    # 90 characters of question and, twice, 120 of an example: the first task's answers are longer.
    assert facts.sequence == 90 // 3 + 64 + 512
    assert (facts.device, facts.memory_free, facts.model_type) == ("cuda", 23 * GB, "qwen3")
    assert facts.disk_free > 0
    assert facts.numbers is not None
    assert facts.numbers.parameters == 596_000_000


def test_the_numbers_are_the_catalogues(tmp_path: Path) -> None:
    entry = load_catalog().model("qwen3-0.6b-base")
    numbers = model_numbers(CONFIG, make_job(tmp_path).model)
    assert numbers is not None
    names = ("vocabulary", "hidden", "layers", "intermediate", "heads", "kv_heads", "head_dim")
    assert [getattr(numbers, n) for n in names] == [getattr(entry, n) for n in names]


@pytest.mark.parametrize(
    "config",
    [{}, CONFIG | {"hidden_size": None}, CONFIG | {"num_hidden_layers": 0}, {"text_config": 3}],
)
def test_a_config_without_numbers_has_none(tmp_path: Path, config: dict[str, object]) -> None:
    assert model_numbers(config, tmp_path) is None


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000])
def test_a_config_that_is_none_is_said(tmp_path: Path, content: str) -> None:
    job = make_job(tmp_path)
    (job.model / "config.json").write_text(content)
    with pytest.raises(EvaluationError, match="cannot be loaded"):
        gather(job)


@pytest.mark.usefixtures("card")
def test_a_job_by_its_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Vllm({"vllm": "0.32.0"}, Path("/opt/vllm/bin/python"), "cuda")
    monkeypatch.setattr(capability, "find_vllm", lambda: there)
    job = make_job(tmp_path)
    planned = with_plan(job, plan_evaluation(job, "vllm"))
    assert (planned.engine.name, planned.engine.title) == ("vllm", "vLLM 0.32.0")
    assert plan_evaluation(job).engine.name == "transformers"
    monkeypatch.setattr(capability, "find_vllm", lambda: Missing("it is not there"))
    assert plan_evaluation(job).reasons[0] == "transformers: it is not there"


def test_on_a_processor_no_other_environment_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Missing:
        raise AssertionError("looked for")

    monkeypatch.setattr(capability, "find_vllm", refuse)
    job = make_job(tmp_path).model_copy(update={"device": "cpu"})
    assert plan_evaluation(job).batch_size == 32
    assert plan_evaluation(job, "transformers").batch_size == 32

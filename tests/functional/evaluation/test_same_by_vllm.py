"""A real vLLM says what transformers says, item by item; only where one for this device is there.

In float32: in bfloat16 two implementations round differently, and a few answers with them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.engine.capability import plan_evaluation, with_plan
from ptb_lite.evaluation.engine.messages import Message, Progressed
from ptb_lite.evaluation.engine.process import SERVED_NAME, run_evaluation
from ptb_lite.evaluation.errors import EvaluationStopped
from ptb_lite.evaluation.items.splits import ItemFiles, prepare_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.results import EvaluationResult, read_samples
from ptb_lite.evaluation.vllm.place import Missing, find_vllm
from ptb_lite.hardware import detect_device
from tests.functional.evaluation.started import Started

FOUND = find_vllm()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        isinstance(FOUND, Missing) or FOUND.device != detect_device("auto").kind,
        reason="there is no vLLM for this machine",
    ),
]
ITEMS = 20


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> ItemFiles:
    entry = load_catalog().benchmark("add-numbers")
    return prepare_items(entry, tmp_path_factory.mktemp("items"), seed=1, salt="test")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(embedded_model("gemma-3-270m-embedded"))
    config = LoraConfig(r=64, target_modules="all-linear", init_lora_weights=False)
    wrapped = get_peft_model(base, config)
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.mul_(0.05)
    wrapped.save_pretrained(folder)
    return folder


def make_job(items: ItemFiles, output: Path, adapter: Path | None) -> EvaluationJob:
    tasks = tuple(
        EvaluationTask(
            label=label,
            benchmark=items.benchmark,
            items=items.test.path,
            shots=items.train.path,
            num_fewshot=shots,
            limit=ITEMS,
            key=label,
        )
        for label, shots in (("zero_shot", 0), ("few_shot", 5))
    )
    return EvaluationJob(
        model=embedded_model("gemma-3-270m-embedded"),
        adapter=adapter,
        dtype="float32",
        tasks=tasks,
        output=output,
    )


def said(output: Path, results: tuple[EvaluationResult, ...]) -> list[list[tuple[str, bool]]]:
    return [
        [(one.completion, one.correct) for one in read_samples(output / result.samples)]
        for result in results
    ]


@pytest.mark.parametrize("trained", [False, True])
def test_completions_and_scores_are_those_of_transformers(
    items: ItemFiles, adapter: Path, tmp_path: Path, trained: bool
) -> None:
    job = make_job(items, tmp_path / "one", adapter if trained else None)
    other = job.model_copy(update={"output": tmp_path / "other"})
    ours = run_evaluation(with_plan(job, plan_evaluation(job, "vllm")))
    theirs = run_evaluation(with_plan(other, plan_evaluation(other, "transformers")))
    assert {result.engine for result in ours} == {"vllm"}
    assert said(job.output, ours) == said(other.output, theirs)
    assert any(text for answers in said(job.output, ours) for text, _ in answers)


def test_a_stop_leaves_nothing_of_it(items: ItemFiles, adapter: Path, tmp_path: Path) -> None:
    job = make_job(items, tmp_path / "out", adapter)
    workers = Started()

    def hear(message: Message) -> None:
        if isinstance(message, Progressed) and message.done:
            workers.look()

    with pytest.raises(EvaluationStopped):
        run_evaluation(
            with_plan(job, plan_evaluation(job, "vllm")),
            on_progress=hear,
            should_stop=lambda: bool(workers.seen),
        )
    assert workers.seen
    assert not workers.running()
    assert not (job.output / SERVED_NAME).exists()

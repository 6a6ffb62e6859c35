"""Which engine generates, by what is there: the table of the choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.errors import SpecError
from ptb_lite.evaluation.engine.plan import (
    CPU_BATCH,
    VLLM_ITEMS,
    Facts,
    Work,
    choose_evaluation,
    rows,
    transformers_seconds,
    without_vllm,
)
from ptb_lite.evaluation.vllm.place import NOT_INSTALLED, Missing, Vllm
from ptb_lite.hardware import ModelShape, evaluation_memory

GB = 10**9
QWEN_600M = ModelShape(
    parameters=596_000_000,
    vocabulary=151_936,
    hidden=1024,
    layers=28,
    intermediate=3072,
    heads=16,
    kv_heads=8,
    head_dim=128,
)
PACKAGES = {"vllm": "0.32.0", "torch": "2.13.0"}
THERE = Vllm(PACKAGES, Path("/opt/vllm/bin/python"), "cuda")
# 1,319 answers of up to 512 tokens: 11 batches of 128, 5,632 steps of 67 ms.
CARD = Facts(
    device="cuda",
    memory_total=24 * GB,
    memory_free=23 * GB,
    model_type="qwen3",
    numbers=QWEN_600M,
    sequence=800,
    disk_free=50 * GB,
    work=(Work(1319, 512),),
    vllm=THERE,
)
PROCESSOR = replace(CARD, device="cpu")


@pytest.mark.parametrize(
    ("facts", "engine", "why"),
    [
        (CARD, "vllm", "transformers would generate for about 2 min 38 s"),
        (replace(CARD, vllm=replace(THERE, python=None)), "vllm", "about 2 min 38 s"),
        (replace(CARD, vllm=Missing(NOT_INSTALLED)), "transformers", "is not installed"),
        (replace(CARD, vllm=replace(THERE, device="cpu")), "transformers", "computes on cpu"),
        (replace(CARD, model_type="gemma3"), "transformers", "type gemma3 were not tried"),
        (replace(CARD, model_type=""), "transformers", "type unknown were not tried"),
        (replace(CARD, numbers=None), "transformers", "were not tried"),
        (replace(CARD, work=(Work(150, 32),)), "transformers", "takes about 60 s to start"),
        (replace(CARD, memory_free=4 * GB), "transformers", "4.0 GB are free"),
        (replace(CARD, disk_free=2 * GB), "transformers", "which takes 2.2 GB"),
        (PROCESSOR, "transformers", "on a GPU only"),
        (replace(PROCESSOR, vllm=replace(THERE, device="cpu")), "transformers", "on a GPU only"),
    ],
)
def test_what_is_taken_by_itself(facts: Facts, engine: str, why: str) -> None:
    plan = choose_evaluation(facts)
    assert (plan.engine.name, plan.asked) == (engine, "auto")
    assert why in plan.reasons[0]
    assert plan.engine.packages == (PACKAGES if engine == "vllm" else {})


def test_vllm_is_started_where_it_lies_and_leaves_what_others_use() -> None:
    plan = choose_evaluation(replace(CARD, memory_free=15 * GB))
    assert plan.engine.python == Path("/opt/vllm/bin/python")
    assert plan.engine.memory_share == 0.5
    assert plan.batch_size == VLLM_ITEMS
    assert plan.reasons[1] == "vLLM 0.32.0 of /opt/vllm may take 50% of the memory"
    assert choose_evaluation(CARD).engine.memory_share == 0.83
    large = replace(CARD, memory_total=150 * GB, memory_free=149 * GB)
    assert choose_evaluation(large).engine.memory_share == 0.9


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (replace(CARD, vllm=Missing(NOT_INSTALLED)), "is not installed"),
        (PROCESSOR, "computes on cuda, not on cpu"),
        (replace(CARD, vllm=replace(THERE, device="cpu")), "computes on cpu, not on cuda"),
        (replace(CARD, memory_free=GB), "which is too little"),
    ],
)
def test_vllm_asked_for_in_vain_is_an_error_with_the_way_out(facts: Facts, why: str) -> None:
    with pytest.raises(SpecError, match=why) as caught:
        choose_evaluation(facts, "vllm")
    assert caught.value.field == "engine"
    assert "scripts/setup-vllm" in caught.value.hint


def test_what_is_asked_for_is_taken() -> None:
    short = replace(CARD, work=(Work(10, 8),), model_type="new")
    assert choose_evaluation(short, "vllm").engine.name == "vllm"
    plan = choose_evaluation(CARD, "transformers")
    assert plan.engine.name == "transformers"
    assert plan.reasons[0] == "transformers, because it was asked for"
    on_processor = replace(PROCESSOR, vllm=replace(THERE, device="cpu"))
    assert choose_evaluation(on_processor, "vllm").engine.name == "vllm"


def test_the_plan_that_is_left_keeps_what_was_asked() -> None:
    plan = without_vllm(choose_evaluation(CARD), CARD, "vLLM did not start: no memory")
    assert (plan.engine.name, plan.asked, plan.batch_size) == ("transformers", "auto", 128)
    assert plan.reasons[0] == "transformers: vLLM did not start: no memory"


@pytest.mark.parametrize(
    ("free", "items", "batch"),
    [(23, 1319, 128), (23, 40, 64), (23, 3, 4), (6, 1319, 16), (2, 1319, 1), (0, 1319, 1)],
)
def test_on_a_card_as_many_rows_as_fit(free: int, items: int, batch: int) -> None:
    assert rows(replace(CARD, memory_free=free * GB, work=(Work(items, 512),))) == batch


@given(free=st.integers(0, 200 * GB), sequence=st.integers(1, 40_000), items=st.integers(1, 10**5))
def test_rows_fit_and_are_a_power_of_two(free: int, sequence: int, items: int) -> None:
    facts = replace(CARD, memory_free=free, sequence=sequence, work=(Work(items, 64),))
    batch = rows(facts)
    assert batch in (1, 2, 4, 8, 16, 32, 64, 128)
    if batch > 1:
        assert evaluation_memory(QWEN_600M, sequence=sequence, batch=batch).total <= free
    batch = rows(replace(facts, device="cpu"))
    assert batch in (32, 64)
    if batch > 32:
        assert evaluation_memory(QWEN_600M, sequence=sequence, batch=batch).total <= free / 2


def test_a_model_of_unknown_sizes_is_given_as_many_as_ever() -> None:
    for facts in (CARD, PROCESSOR):
        unknown = replace(facts, numbers=None)
        assert rows(unknown) == CPU_BATCH
        plan = choose_evaluation(unknown)
        assert plan.reasons[1] == "32 items at once, as wherever a model's sizes are not known"


@pytest.mark.parametrize(
    ("free", "items", "batch", "why"),
    [
        (26, 1319, 64, "they need about 12.3 GB of the 26.0 GB that are free"),
        (26, 33, 64, "they need about 12.3 GB of the 26.0 GB that are free"),
        (22, 1319, 32, "would need about 12.3 GB of the 22.0 GB that are free, more than half"),
        (0, 1319, 32, "of the 0.0 GB that are free, more than half"),
        (26, 32, 32, "as for few items on a CPU"),
        (0, 3, 32, "as for few items on a CPU"),
    ],
)
def test_a_processor_takes_twice_as_many_where_half_its_memory_holds_them(
    free: int, items: int, batch: int, why: str
) -> None:
    facts = replace(PROCESSOR, memory_free=free * GB, work=(Work(items, 512),))
    plan = choose_evaluation(facts)
    assert plan.batch_size == rows(facts) == batch
    assert plan.reasons[1].startswith(f"{batch} items at once")
    assert plan.reasons[1].endswith(why)


def test_every_batch_waits_for_its_longest_answer() -> None:
    work = (Work(129, 100), Work(10, 5))
    seconds = transformers_seconds(replace(CARD, work=work), 128)
    assert seconds == pytest.approx((2 * 100 + 5) * 28 * 0.001)

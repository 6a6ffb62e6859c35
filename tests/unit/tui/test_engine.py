"""What Setup says of the engine of evaluations, and the time that it is expected to take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ptb_lite.catalog import ModelEntry, load_catalog
from ptb_lite.choices import EngineChoice
from ptb_lite.evaluation.engine.plan import VLLM_MODELS
from ptb_lite.evaluation.vllm.place import NOT_INSTALLED, Missing, Vllm
from ptb_lite.hardware import Device
from ptb_lite.spec.presets import load_presets
from ptb_lite.tui.models.setup.choices import SetupChoices
from ptb_lite.tui.models.setup.earlier import Earlier
from ptb_lite.tui.models.setup.engine import ExpectedEngine, expected_engine
from ptb_lite.tui.models.setup.estimate import Scored, expected_times
from ptb_lite.tui.models.setup.machine import Machine
from ptb_lite.tui.models.setup.view import benchmark_lines, summarise_choices

GB = 10**9
CATALOG = load_catalog(Path("/nonexistent"))
CPU = Device("cpu", "a processor", 16 * GB, 8 * GB, 2)
CARD = Device("cuda", "a card", 24 * GB, 23 * GB, 8, (8, 9))
QWEN = CATALOG.model("qwen3-0.6b-base")
THERE = Vllm({"vllm": "0.32.0"}, Path("/opt/vllm/bin/python"), "cuda")
WITH_VLLM = Machine(device=CARD, vllm=THERE, disk_free=50 * GB, cpu=CPU)
WITHOUT = replace(WITH_VLLM, vllm=Missing(NOT_INSTALLED))
# Two passes of 1,319 answers of up to 512 tokens: 42 batches of 64, 21,504 steps of 67 ms.
LONG = [Scored(CATALOG.benchmark("gsm8k"), 1319, 512)]
SHORT = [Scored(CATALOG.benchmark("add-numbers"), 150, 32)]


def expect(
    machine: Machine,
    benchmarks: list[Scored] = LONG,
    asked: EngineChoice = "auto",
    model: ModelEntry = QWEN,
) -> ExpectedEngine:
    assert machine.device is not None
    return expected_engine(asked, model, benchmarks, machine.device, machine)


@pytest.mark.parametrize(
    ("found", "engine", "words"),
    [
        (expect(WITH_VLLM), "vllm", "vLLM: transformers would generate for about 10 min"),
        (expect(WITH_VLLM), "vllm", "about 60 s for each of its two starts"),
        (expect(WITH_VLLM, SHORT), "transformers", "takes about 60 s to start"),
        (expect(WITH_VLLM, asked="transformers"), "transformers", "because it was asked for"),
        (expect(WITHOUT), "transformers", "not installed (scripts/setup-vllm); it would be taken"),
        (expect(WITHOUT), "transformers", "the baseline generates for 10 min 02 s or more"),
        (expect(WITHOUT, asked="vllm"), "transformers", "asked for, but vLLM is not installed"),
        (expect(replace(WITH_VLLM, disk_free=GB)), "transformers", "a disk with 1.0 GB free"),
        (expect(replace(WITH_VLLM, disk_free=None)), "vllm", "would generate for"),
        (expect(replace(WITHOUT, device=CPU)), "transformers", "vLLM is taken on a GPU only"),
    ],
)
def test_the_engine_and_what_it_means(found: ExpectedEngine, engine: str, words: str) -> None:
    assert found.plan.engine.name == engine
    assert words in found.text


def test_what_is_not_installed_and_would_not_be_taken_is_not_praised() -> None:
    assert expect(WITHOUT, SHORT).text == "transformers: vLLM is not installed"


def test_a_model_whose_kind_is_not_known_leaves_it_open() -> None:
    unknown = QWEN.model_copy(update={"model_type": ""})
    text = "transformers, or vLLM where it was tried with this kind of model"
    assert expect(WITH_VLLM, model=unknown).text == text
    assert "to start" in expect(WITH_VLLM, SHORT, model=QWEN).text
    assert "unknown were not tried" in expect(WITH_VLLM, SHORT, model=unknown).text


def test_every_model_of_the_catalogue_says_its_kind() -> None:
    kinds = {entry.id: entry.model_type for entry in CATALOG.models.values()}
    assert all(kinds.values())
    seeing = {name for name, kind in kinds.items() if kind not in VLLM_MODELS}
    assert seeing == {"gemma-3-4b-pt"}


def test_a_card_through_transformers_waits_for_every_token() -> None:
    slow, quick = (
        expected_times(QWEN, LONG, 600, CARD, Earlier(), expect(machine).plan)
        for machine in (WITHOUT, WITH_VLLM)
    )
    assert slow.baseline == pytest.approx(20 + 42 * 512 * 28 * 0.001)
    assert slow.evaluate == pytest.approx(20 + 21 * 512 * 28 * 0.001)
    # Loading with vLLM's start; items by the rate of the card.
    assert 80 < quick.baseline < slow.baseline
    assert not slow.measured
    assert not quick.measured


def test_what_one_engine_took_says_nothing_of_the_other() -> None:
    labels = ("zero_shot", "few_shot", "after")
    earlier = Earlier(
        runs=1,
        item_seconds={(QWEN.id, "gsm8k", "cuda", label, "vllm"): 0.01 for label in labels},
        loading_seconds={(QWEN.id, "cuda", "vllm"): 70.0},
    )
    by_vllm = expected_times(QWEN, LONG, 600, CARD, earlier, expect(WITH_VLLM).plan)
    assert by_vllm.measured
    assert by_vllm.baseline == pytest.approx(70 + 2 * 13.19)
    plan = expect(WITH_VLLM, asked="transformers").plan
    assert not expected_times(QWEN, LONG, 600, CARD, earlier, plan).measured


def test_the_summary_and_the_lists_follow_the_choice() -> None:
    choices = SetupChoices(benchmarks=("gsm8k",)).but(model=QWEN.id)

    def words(changed: SetupChoices) -> dict[str, str]:
        found = summarise_choices(changed, CATALOG, load_presets(), WITH_VLLM, Path("runs"))
        return dict(found.lines)

    def of_gsm8k(changed: SetupChoices) -> str:
        lines = {line.id: line for line in benchmark_lines(CATALOG, WITH_VLLM, changed)}
        return lines["gsm8k"].facts

    assert words(choices)["Engine"].startswith("vLLM: transformers would generate for")
    forced = choices.but(evaluation_engine="transformers")
    assert words(forced)["Engine"] == "transformers, because it was asked for"
    assert words(forced)["Time"] != words(choices)["Time"]
    assert of_gsm8k(forced) != of_gsm8k(choices)
    cut = benchmark_lines(CATALOG, WITH_VLLM, forced, 64)
    assert of_gsm8k(forced) != {line.id: line for line in cut}["gsm8k"].facts
    on_processor = choices.but(device="cpu")
    assert words(on_processor)["Engine"] == "transformers: vLLM is taken on a GPU only"

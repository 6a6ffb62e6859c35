"""Generation of answers against `lm_eval --model hf` at its best batch size: 200 items."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from bench.figures import Figure, publish
from bench.generation import (
    ROUNDS,
    SIZES,
    Timed,
    compare,
    our_lm,
    stock_lm,
    task_requests,
    timed,
)
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.engine.lm.task_definition import write_task_file
from ptb_lite.evaluation.evaluate_model import evaluate_once
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import ItemFiles, prepare_items
from tests.functional.evaluation.lm_eval_command import lm_eval_command

pytestmark = pytest.mark.bench
LIMIT = 200
FEW = 48
# The peer with an adapter: several minutes for 200 items, longer the larger the batch.
LIMIT_ADAPTED = 16
FEW_ADAPTED = 4
SIZES_ADAPTED = (1, 4)
BENCHMARK = "kinship"
# Of the sizes 1, 8, 16, 32 and 64, as `test_generation` prints them.
COMMAND_SIZE = 64


def the_items(folder: Path) -> ItemFiles:
    return prepare_items(load_catalog().benchmark(BENCHMARK), folder, seed=1234, salt="bench")


def random_adapter(model: Path, folder: Path, scale: float = 1e-3) -> Path:
    """A LoRA adapter of rank 16 on all linear layers with random weights, B's of this size."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    made = get_peft_model(base, config)
    for name, weight in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=scale)
    made.save_pretrained(folder)
    return folder


def same_verdicts(items: ItemFiles, found: Timed) -> int:
    """How many items are judged the same on both sides."""
    judge = find_benchmark(BENCHMARK).judge
    rows = zip(read_items(items.test.path), found.ours, found.theirs, strict=False)
    return sum(judge(item, a).score == judge(item, b).score for item, a, b in rows)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("shots", "adapted"), [(0, False), (5, False), (0, True)], ids=["zero", "five", "adapter"]
)
def test_generation(
    shots: int, adapted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Generation alone, model loaded, in one process."""
    model = embedded_model("gemma-3-270m-embedded")
    adapter = random_adapter(model, tmp_path / "adapter") if adapted else None
    items = the_items(tmp_path / "items")
    limit, few = (LIMIT_ADAPTED, FEW_ADAPTED) if adapted else (LIMIT, FEW)
    _, requests = task_requests(
        write_task_file(find_benchmark(BENCHMARK), items.test.path.with_suffix(".yaml")),
        items,
        shots=shots,
        limit=limit,
    )
    found = compare(
        our_lm(model, adapter),
        stock_lm(model, adapter),
        requests,
        requests[:few],
        lambda lm, asked: lm.generate_until(list(asked), disable_tqdm=True),
        SIZES_ADAPTED if adapted else SIZES,
    )
    texts = sum(a == b for a, b in zip(found.ours, found.theirs, strict=True))
    same = same_verdicts(items, found)
    what = f"{shots}-shot" + (", with a LoRA adapter, unmerged on both sides" * adapted)
    note = f"{same} of {limit} items judged the same, {texts} completions equal"
    with capsys.disabled():
        print(
            f"\ngeneration, {what}, {limit} items: {found.our_seconds:.1f} s, lm_eval at batch "
            f"size {found.size} {found.their_seconds:.1f} s, ratio {found.ratio:.1f}; {note}; the "
            f"peer's sizes on {few} items: {found.tried}"
        )
    publish(
        Figure(
            what=f"generation, {what}, {limit} items",
            value=found.our_seconds,
            unit="s",
            peer=f"lm_eval --model hf, batch size {found.size}",
            peer_value=found.their_seconds,
            target_ratio=3,
            note=note,
        )
    )
    assert same >= 0.95 * limit


@pytest.mark.timeout(600)
def test_unmerged_adapter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it costs that an adapter runs unmerged in bfloat16, as PEFT runs it. This one changes
    nearly nothing, so that both ways answer the same and as long."""
    model = embedded_model("gemma-3-270m-embedded")
    adapter = random_adapter(model, tmp_path / "adapter", 1e-6)
    items = the_items(tmp_path / "items")
    definition = find_benchmark(BENCHMARK), items.test.path.with_suffix(".yaml")
    _, requests = task_requests(write_task_file(*definition), items, shots=0, limit=FEW)
    models = {merged: our_lm(model, adapter, merged=merged) for merged in (False, True)}
    seconds: dict[bool, list[float]] = {False: [], True: []}
    texts = {}
    for _ in range(ROUNDS):
        for merged, lm in models.items():
            texts[merged], taken = timed(lambda lm=lm: lm.generate_until(requests))
            seconds[merged].append(taken)
    unmerged, whole = min(seconds[False]), min(seconds[True])
    same = sum(a == b for a, b in zip(texts[False], texts[True], strict=True))
    note = f"{same} of {FEW} completions equal"
    with capsys.disabled():
        print(f"\nunmerged adapter: {unmerged:.1f} s, merged {whole:.1f} s; {note}")
    publish(
        Figure(
            what=f"generation, 0-shot, with a LoRA adapter of rank 16, unmerged, {FEW} items",
            value=unmerged,
            unit="s",
            limit="the same adapter merged",
            limit_value=whole,
            note=note,
        )
    )
    # A sum in two parts rounds otherwise in bfloat16, which turns some answers.
    assert same >= FEW // 2


@pytest.mark.timeout(600)
@pytest.mark.parametrize("shots", [0, 5])
def test_whole_processes(shots: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From start to end, loading and all: `ptb-lite eval`'s call and the command."""
    model = embedded_model("gemma-3-270m-embedded")
    benchmark = load_catalog().benchmark(BENCHMARK)
    began = time.monotonic()
    ours = evaluate_once(
        model, benchmark, shots=shots, limit=LIMIT, seed=1234, salt="bench", cache=tmp_path
    )
    our_seconds = time.monotonic() - began
    began = time.monotonic()
    theirs = lm_eval_command(
        model,
        ours.items,
        tmp_path / "command",
        shots=shots,
        limit=LIMIT,
        batch_size=COMMAND_SIZE,
    )
    their_seconds = time.monotonic() - began
    same = sum(theirs.samples[s.item_id][1] == s.correct for s in ours.samples)
    with capsys.disabled():
        print(
            f"\nwhole processes, {shots}-shot, {LIMIT} items: {our_seconds:.1f} s, lm_eval "
            f"{their_seconds:.1f} s, ratio {their_seconds / our_seconds:.1f}; "
            f"{same} of {LIMIT} items judged the same"
        )
    publish(
        Figure(
            what=f"evaluation from start to end, {shots}-shot, {LIMIT} items",
            value=our_seconds,
            unit="s",
            peer=f"lm_eval --model hf, batch size {COMMAND_SIZE}",
            peer_value=their_seconds,
            target_ratio=3,
            note=f"{same} of {LIMIT} items judged the same",
        )
    )
    assert same >= 0.95 * LIMIT

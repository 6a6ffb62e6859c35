"""4-bit weights on a CPU: which way is fastest, and whether the score is kept."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.figures import Figure, publish
from bench.training_setup import in_turns, median_step, model_folder, our_trainer
from ptb_lite.training.allocator import keep_freed_memory
from ptb_lite.training.base import load_base
from ptb_lite.training.config import Quantization, TrainingConfig
from ptb_lite.training.data import Example
from ptb_lite.training.kernels.flat_batch import flatten
from ptb_lite.training.train import make_trainer, plan_for, tokenised

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
TRAINED, HELD_OUT = 80, 200


def test_the_ways_to_multiply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """bitsandbytes's optional CPU kernel is for generation only: training unpacks without it."""
    ways: dict[str, dict[str, Any]] = {
        "packed": {"unpack_once": False, "fused": False},
        "unpacked once": {},
        "bf16": {"quantization": "none"},
    }
    trainers, loading = {}, {}
    for way, changes in ways.items():
        began = time.perf_counter()
        trainers[way] = our_trainer(tmp_path, steps=5, **changes).trainer
        loading[way] = time.perf_counter() - began
    measured = in_turns(3, *(partial(median_step, trainer) for trainer in trainers.values()))
    seconds = dict(zip(trainers, measured, strict=True))
    figure = Figure(
        what="4-bit training step on a CPU, NF4 unpacked once",
        value=seconds["unpacked once"],
        unit="s",
        peer="bitsandbytes, unpacked for each product",
        peer_value=seconds["packed"],
        limit="bf16 without quantisation",
        limit_value=seconds["bf16"],
        note="to load: " + ", ".join(f"{way} {taken:.1f} s" for way, taken in loading.items()),
    )
    publish(figure)
    with capsys.disabled():
        print(f"\n{figure}\nratio {figure.ratio:.2f}")


def test_the_score_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums learnt on NF4-rounded weights and on the plain ones; the same data and steps."""
    lines = sums(TRAINED * 16 + HELD_OUT)
    found = {name: score_after(tmp_path, name, lines) for name in ("nf4", "none")}
    figure = Figure(
        what=f"held-out sums right after {TRAINED} steps, NF4",
        value=100 * found["nf4"],
        unit="%",
        better="higher",
        peer="bf16 without quantisation",
        peer_value=100 * found["none"],
        note=f"{HELD_OUT} items, every answer token the most likely one; one seed",
    )
    publish(figure)
    with capsys.disabled():
        print(f"\n{figure}")
    assert found["none"] > 0.05, "what learns nothing cannot lose a score"


def sums(count: int) -> tuple[Example, ...]:
    """Different sums of two numbers of up to two digits."""
    draw = random.Random(0)
    pairs = [(a, b) for a in range(100) for b in range(100)]
    return tuple(
        Example(f"Question: What is {a} + {b}?\nAnswer:", f" {a + b}\n")
        for a, b in draw.sample(pairs, count)
    )


def score_after(place: Path, quantization: Quantization, lines: tuple[Example, ...]) -> float:
    config = TrainingConfig(
        base_model=model_folder(),
        data=place,
        output=place,
        steps=TRAINED,
        quantization=quantization,
    )
    tokenizer, dataset = tokenised(config, lines[HELD_OUT:])
    _, held_out = tokenised(config, lines[:HELD_OUT])
    plan = plan_for(config, dataset)
    base = load_base(config.base_model, plan)
    keep_freed_memory()
    trainer = make_trainer(config, plan, base, tokenizer, dataset, place)
    trainer.train()
    assert plan.padding_free
    right = 0
    for start in range(0, HELD_OUT, 50):
        batch = trainer.data_collator([held_out[i] for i in range(start, start + 50)])
        right += whole_answers_right(trainer, batch)
    return right / HELD_OUT


def whole_answers_right(trainer: Any, batch: dict[str, torch.Tensor]) -> int:
    """Rows whose every answer token is the most likely one: what greedy generation would write."""
    inner = trainer.model.get_base_model()
    flat = flatten(batch)
    with torch.no_grad(), trainer.accelerator.autocast():
        hidden = inner.base_model(**flat.model_inputs, use_cache=False).last_hidden_state[0]
        asked = flat.targets != -100
        likeliest = inner.get_output_embeddings()(hidden[asked]).argmax(-1)
    rows = torch.repeat_interleave(
        torch.arange(len(batch["input_ids"])), batch["attention_mask"].sum(-1)
    )[asked]
    wrong = set(rows[likeliest != flat.targets[asked]].tolist())
    return len(batch["input_ids"]) - len(wrong)

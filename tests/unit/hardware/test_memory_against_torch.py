"""The memory estimate against torch's own counts: weights, adapters, and what a step allocates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForCausalLM

from bench.gpu_check.models import model_config
from ptb_lite.catalog import ModelEntry, load_catalog
from ptb_lite.hardware import training_memory
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.kernels.flat_batch import flatten
from ptb_lite.training.kernels.fused_lora import fuse_lora
from ptb_lite.training.kernels.fused_norm import fuse_norms
from ptb_lite.training.kernels.padded_attention import NAME
from ptb_lite.training.planning.capability import model_shape
from ptb_lite.training.planning.cost import HEAD_BYTES_PER_WORD, activation_bytes, adapter_bytes
from ptb_lite.training.train import keep_input_dtype, lora

MODELS = load_catalog().models
GB = 10**9
SETTINGS = TrainingConfig(base_model=Path(), data=Path(), output=Path())
FAMILIES = (
    "gemma-3-270m",
    "qwen3-0.6b-base",
    # Its quarter is as large as the others whole.
    pytest.param("smollm3-3b-base", marks=pytest.mark.slow),
)


@cache
def on_meta(name: str) -> Any:
    """The model that the catalogue's numbers describe, without memory, with the run's adapter."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(model_config(MODELS[name]))
        return get_peft_model(model, lora(SETTINGS, model))


def adapter_parameters(model: Any) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_those_that_torch_counts(name: str) -> None:
    model = on_meta(name)
    counted = sum(p.numel() for p in model.parameters()) - adapter_parameters(model)
    assert MODELS[name].parameters == pytest.approx(counted, rel=0.01)
    plain = training_memory(MODELS[name], sequence=1, batch=1, quantisation="none")
    assert plain.weights == pytest.approx(2 * counted, rel=0.01)
    head = model.get_base_model().get_output_embeddings()
    linear = sum(
        module.weight.numel()
        for module in model.get_base_model().modules()
        if type(module) is torch.nn.Linear
        and module is not head
        and not module.weight.requires_grad
    )
    one_layer = 2 * linear / MODELS[name].layers
    packed = linear * (4 + 0.5) / 8 + one_layer + 2 * (counted - linear)
    nf4 = training_memory(MODELS[name], sequence=1, batch=1, quantisation="nf4")
    assert nf4.weights == pytest.approx(packed, rel=0.01)


@pytest.mark.parametrize("name", MODELS)
def test_adapters_are_those_that_peft_makes(name: str) -> None:
    counted = adapter_parameters(on_meta(name))
    estimate = training_memory(MODELS[name], sequence=1, batch=1, rank=SETTINGS.lora_rank)
    assert estimate.adapter == 16 * counted
    shape = model_shape(on_meta(name).get_base_model().config)
    # The plan knows no key heads there, and counts them as wide as the hidden size at most.
    assert 0.99 * 16 * counted <= adapter_bytes(shape) <= 1.2 * 16 * counted


@dataclass(frozen=True)
class Step:
    """Bytes that a forward and backward pass of a small model's layers had allocated at most."""

    entry: ModelEntry
    shape: Any
    peak: int


ROWS, LENGTH, RANK = 16, 32, 4


def small(entry: ModelEntry) -> ModelEntry:
    """A quarter of the model's width and four of its layers; the proportions are its own."""
    return entry.model_copy(
        update={
            "hidden": entry.hidden // 4,
            "intermediate": entry.intermediate // 4,
            "head_dim": entry.head_dim // 4,
            "layers": 4,
            "vocabulary": 500,
            "parameters": 10**6,
        }
    )


def one_step(name: str, *, checkpointing: bool, by_rows: bool = False) -> Step:
    entry = small(MODELS[name])
    config = model_config(entry)
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(config).to(torch.bfloat16)
    settings = TrainingConfig(base_model=Path(), data=Path(), output=Path(), lora_rank=RANK)
    model = get_peft_model(base, lora(settings, base)).train()
    keep_input_dtype(model)
    if checkpointing:
        base.gradient_checkpointing_enable({"use_reentrant": False})
        base.enable_input_require_grads()
    ids = torch.randint(2, 500, (ROWS, LENGTH))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    given = {key: batch[key] for key in ("input_ids", "attention_mask")}
    if by_rows:
        fuse_lora(model)
        fuse_norms(model)
        base.set_attn_implementation(NAME)
        given = flatten(batch).model_inputs
    for _ in range(2):  # the first has also what is made once
        with (
            profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded,
            torch.autocast("cpu", torch.bfloat16),
        ):
            hidden = base.base_model(**given, use_cache=False).last_hidden_state
            hidden.backward(torch.ones_like(hidden))
            del hidden
        model.zero_grad()
    return Step(entry, model_shape(config), highest(recorded))


def highest(recorded: Any) -> int:
    """The most that was allocated at a time, above what was there at the start."""
    held = most = 0
    for event in recorded.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_activations_are_what_a_step_allocates(name: str, checkpointing: bool) -> None:
    step = one_step(name, checkpointing=checkpointing)
    estimate = training_memory(
        step.entry, sequence=LENGTH, batch=ROWS, rank=RANK, checkpointing=checkpointing
    )
    assert step.peak <= estimate.activations <= 1.3 * step.peak


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_plan_on_a_processor_leaves_room_for_what_a_step_allocates(
    name: str, checkpointing: bool
) -> None:
    """A plan counts what is kept and no gradients: they are in the share that it leaves free."""
    step = one_step(name, checkpointing=checkpointing, by_rows=True)
    head = HEAD_BYTES_PER_WORD * step.shape.vocabulary
    planned = activation_bytes(
        step.shape,
        ROWS * LENGTH,
        2,
        checkpointed=step.shape.layers if checkpointing else 0,
        longest=LENGTH,
    )
    assert 0.6 * step.peak <= planned - head <= 1.3 * step.peak


@pytest.mark.parametrize(
    ("name", "gigabytes", "batch"),
    [
        ("qwen3-0.6b-base", 6, 24),
        ("gemma-3-270m", 6, 45),
        ("qwen3-1.7b-base", 8, 16),
        ("smollm3-3b-base", 12, 19),
        ("qwen3-4b-base", 12, 14),
        ("gemma-3-4b-pt", 12, 13),
    ],
)
def test_the_memory_plan_and_the_batch_that_fits(name: str, gigabytes: int, batch: int) -> None:
    """NF4 QLoRA at 1,024 tokens, all of them supervised, layers checkpointed, nothing offloaded."""
    assert largest_batch(name, gigabytes, checkpointing=True) == batch


def largest_batch(name: str, gigabytes: int, *, checkpointing: bool) -> int:
    fitting: list[int] = [0]
    for batch in range(1, 129):
        estimate = training_memory(
            MODELS[name], sequence=1024, batch=batch, checkpointing=checkpointing
        )
        if estimate.total <= gigabytes * GB:
            fitting.append(batch)
    return max(fitting)

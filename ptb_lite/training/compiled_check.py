"""Whether compiled layers give the gradients of eager ones: asked before every compiled training.

Why: torch 2.11 compiles the fused adapters of Gemma 3 270M into a backward pass whose gradients are
hundreds of times too large, while those of Gemma 3 1B, Gemma 3 4B and Qwen3 are right, and forward
losses are right everywhere (bench/NOTES.md). What a compiler gets wrong depends on sizes and
versions that nobody has tried, and costs the whole training; the check costs two steps.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import torch

from ptb_lite.training.kernels.fused_lora import unfuse_lora
from ptb_lite.training.layers import Compiler, decoder_layers

# Of a whole layer's adapters together. Right ones: a cosine of 0.9977 and 0.1 % in length (Qwen3
# 4B, fused), and 0.3 % for eager ones in other parts of a batch. Layers that learnt 4 points less:
# 0.991, and 10 % too short (Gemma 3 270M, PEFT's layers).
COSINE, NORM = 0.99, 0.03
BATCHES = 2  # a second size of batch is compiled anew


def check_compiled(trainer: Any, compiler: Compiler) -> str:
    """Leave the layers of `trainer` compiled only if their first gradients are right.

    Where they are not, they are compiled again without fused adapters: what was wrong is returned,
    empty otherwise. Where those are wrong too all layers run eagerly, which `compiler` reports.
    """
    unfused = ""
    model = trainer.accelerator.unwrap_model(trainer.model)
    devices = [trainer.args.device] if trainer.args.device.type == "cuda" else []
    counted = getattr(trainer, "_total_train_tokens", 0)
    with torch.random.fork_rng(devices=devices):
        batches = list(_sizes(trainer))
        truths = [_eager(trainer, compiler, model, batch) for batch in batches]
        if devices:
            torch.cuda.empty_cache()
        wrong = _wrong(trainer, batches, truths)
        if wrong and not compiler.off and unfuse_lora(model):
            unfused = wrong
            torch._dynamo.reset()
            wrong = _wrong(trainer, batches, truths)
    trainer._total_train_tokens = counted
    if wrong and not compiler.off:
        compiler.give_up(f"compiled gradients are wrong ({wrong})")
    return "" if compiler.off else unfused


def _sizes(trainer: Any) -> Iterator[dict[str, Any]]:
    """The first batch, and the next one if it is of another size."""
    seen = set()
    for number, batch in enumerate(trainer.get_train_dataloader()):
        size = (batch["input_ids"].shape, int(batch["attention_mask"].sum()))
        if size not in seen:
            yield batch
        seen.add(size)
        if number + 1 == BATCHES:
            return


def _eager(
    trainer: Any, compiler: Compiler, model: Any, batch: dict[str, Any]
) -> dict[str, torch.Tensor]:
    """Each layer's gradient by eager layers, checkpointed, which changes no number."""
    layers = decoder_layers(model)
    kept = [layer.gradient_checkpointing for layer in layers]
    functions = [getattr(layer, "_gradient_checkpointing_func", None) for layer in layers]
    head_compiled, trainer.compiled = trainer.compiled, False
    parts, on_halved = trainer.parts, trainer.on_halved
    # An eager layer needs more than the plan counts: it takes smaller parts, the training does not.
    trainer.parts, trainer.on_halved = 2 * parts, lambda _rows: None
    compiler.off = True
    if None in functions:
        inner = model.get_base_model()
        inner.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in layers:
        layer.gradient_checkpointing = True
    try:
        return _gradients(trainer, batch)
    finally:
        compiler.off, trainer.compiled = False, head_compiled
        trainer.parts, trainer.on_halved = parts, on_halved
        for layer, was in zip(layers, kept, strict=True):
            layer.gradient_checkpointing = was


def _wrong(
    trainer: Any, batches: list[dict[str, Any]], truths: list[dict[str, torch.Tensor]]
) -> str:
    """The layer that is furthest off, in words; nothing where all are right."""
    for batch, truth in zip(batches, truths, strict=True):
        found = _gradients(trainer, batch)
        for layer, exact in truth.items():
            size = float(exact.norm())
            if size == 0:
                continue
            cosine = float(torch.cosine_similarity(found[layer], exact, dim=0))
            ratio = float(found[layer].norm()) / size
            # Written so that what is not a number is wrong.
            if not (cosine > COSINE and abs(ratio - 1) < NORM):
                return f"{layer}: cosine {cosine:.3f} to eager, {ratio:.2f} times as long"
    return ""


def _gradients(trainer: Any, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The gradient of one batch, one float32 vector for the adapters of each layer."""
    model = trainer.model.train()
    model.zero_grad(set_to_none=True)
    items = (batch["labels"][:, 1:] != -100).sum()
    trainer.training_step(model, dict(batch), items)
    parts = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            layer = re.search(r"layers\.\d+", name)
            grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parts[layer[0] if layer else name].append(grad.float().flatten())
    model.zero_grad(set_to_none=True)
    return {layer: torch.cat(vectors) for layer, vectors in parts.items()}

"""Tokens a second of generation, the way an evaluation takes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from bench.gpu_check.models import make_model, remove, tokenizer
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import GB, context_bytes, release
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.engine.captured import CapturedSteps
from ptb_lite.evaluation.engine.decoding import RowStop, complete
from ptb_lite.evaluation.engine.model_loading import load_model
from ptb_lite.evaluation.engine.prefix import empty_cache
from ptb_lite.evaluation.engine.step_choice import choose_steps
from ptb_lite.hardware import evaluation_memory

PROMPT = 256
NEW = 128
BATCHES = (32, 128)


def run(rows: Path, models: tuple[str, ...], batches: tuple[int, ...] = BATCHES) -> None:
    context = context_bytes()
    for name in models:
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            folder = make_model(load_catalog().model(name), Path(place) / "model")
            for batch in batches:
                one_batch(rows, name, folder, batch, context)
            remove(folder)


def one_batch(rows: Path, name: str, folder: Path, batch: int, context: int) -> None:
    model = load_model(folder, None, dtype="bfloat16", device="cuda")
    prompt = torch.randint(2, 900, (batch, PROMPT), device="cuda")
    settings = {
        "do_sample": False,
        "pad_token_id": 0,
        "attention_mask": torch.ones_like(prompt),
        "use_cache": True,
    }
    model.generate(input_ids=prompt, max_new_tokens=4, **settings)
    torch.cuda.reset_peak_memory_stats()
    seconds = timed(model, prompt, settings)
    peak = torch.cuda.max_memory_allocated() + context
    captured(rows, name, model, prompt)
    entry = load_catalog().model(name)
    estimate = evaluation_memory(entry, sequence=PROMPT + NEW, batch=batch).total
    # Each token reads all weights once: the least time that the GPU's memory allows.
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    del model
    release()
    floor = NEW * weights / copy_rate()
    write_row(
        rows,
        Row(
            "generation",
            f"{name}, transformers, {batch} rows of {PROMPT} + {NEW} tokens",
            f"{batch * NEW / seconds:,.0f} tokens/s",
            note=(
                f"{seconds:.2f} s, reading the weights {floor:.2f} s = {floor / seconds:.0%}; peak "
                f"{peak / GB:.2f} GB, estimate {estimate / GB:.2f} GB = {estimate / peak:.2f} x"
            ),
        ),
    )


def timed(model: Any, prompt: torch.Tensor, settings: dict[str, Any]) -> float:
    """Seconds until every row has `NEW` tokens."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    model.generate(input_ids=prompt, max_new_tokens=NEW, min_new_tokens=NEW, **settings)
    torch.cuda.synchronize()
    return time.perf_counter() - began


def captured(rows: Path, name: str, model: Any, prompt: torch.Tensor) -> None:
    """The same on caches of fixed size with captured steps, as an evaluation on a GPU decodes."""
    what = f"{name}, captured steps, {len(prompt)} rows of {PROMPT} + {NEW} tokens"
    choice = choose_steps(model)
    if choice.steps is None:
        write_row(rows, Row("generation", what, "not captured", note=choice.reason))
        return
    torch.cuda.reset_peak_memory_stats()
    seconds = [by_steps(model, prompt, choice.steps) for _ in range(2)]
    peak = torch.cuda.max_memory_allocated()
    choice.steps.release()
    note = f"{seconds[1]:.2f} s, the first time {seconds[0]:.2f}; peak {peak / GB:.2f} GB allocated"
    write_row(
        rows,
        Row(
            "generation",
            what,
            f"{len(prompt) * NEW / seconds[1]:,.0f} tokens/s",
            note=f"{note}; {choice.reason}",
        ),
    )


def by_steps(model: Any, prompt: torch.Tensor, steps: CapturedSteps) -> float:
    """Seconds until every row has `NEW` tokens, the capturing counted in."""
    stop = RowStop(tokenizer(), ["\0"], prompt.shape[1])
    torch.cuda.synchronize()
    began = time.perf_counter()
    made = complete(
        model,
        stop,
        prompt,
        torch.ones_like(prompt),
        empty_cache(model),
        PROMPT + NEW,
        steps,
        do_sample=False,
        pad_token_id=0,
        min_new_tokens=NEW,
    )
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    steps.forget()
    if made.shape[1] != PROMPT + NEW:
        raise AssertionError(f"{made.shape[1]} tokens instead of {PROMPT + NEW}")
    return seconds


def copy_rate() -> float:
    """Bytes a second that this GPU reads, from a copy of 4 GB (read and written)."""
    source = torch.empty(4 * GB, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    for _ in range(2):
        target.copy_(source)
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(5):
        target.copy_(source)
    torch.cuda.synchronize()
    rate = 5 * 2 * len(source) / (time.perf_counter() - began)
    del source, target
    release()
    return rate

"""The same answers by plain and by captured decoding steps, item by item, and what both take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from lm_eval.api.instance import Instance

from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import release
from ptb_lite.benchmarks.procedural import ADD_NUMBERS, COUNT_SISTERS, KINSHIP
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.model_loading import load_model, load_tokenizer
from ptb_lite.evaluation.engine.step_choice import Choice
from ptb_lite.evaluation.items.item import completion, prompt
from ptb_lite.evaluation.items.splits import draw_splits

ITEMS, SHOTS, TOKENS, BATCH = 100, 5, 320, 64
Dtype = Literal["float32", "bfloat16"]


def run(rows: Path, model: str) -> None:
    """A row for each type of numbers: of float32 every answer has to be the same."""
    folder = embedded_model(model)
    asked = prompts()
    for dtype in ("float32", "bfloat16"):
        plain, _reason = answers(folder, dtype, asked, captured=False)
        captured, reason = answers(folder, dtype, asked, captured=True)
        same = sum(a == b for a, b in zip(plain.texts, captured.texts, strict=True))
        write_row(
            rows,
            Row(
                "decoding",
                f"{model}, {dtype}, {len(asked)} few-shot prompts, up to {TOKENS} tokens",
                f"{captured.seconds:.1f} s captured",
                peer=f"{plain.seconds:.1f} s plain",
                ratio=f"{plain.seconds / captured.seconds:.2f} x",
                note=f"{same} of {len(asked)} answers the same; {reason}",
            ),
        )
        if dtype == "float32" and same != len(asked):
            raise AssertionError(f"{len(asked) - same} answers differ in float32")


@dataclasses.dataclass(frozen=True)
class Answers:
    texts: tuple[str, ...]
    seconds: float


def prompts() -> list[str]:
    """Of three benchmarks with solved examples, so that lengths differ and prefixes are shared."""
    found = []
    for benchmark in (ADD_NUMBERS, COUNT_SISTERS, KINSHIP):
        drawn = draw_splits(benchmark.entry, seed=0, salt="decoding")
        shots = "".join(
            prompt(item.question) + completion(item.target) for item in drawn["train"][:SHOTS]
        )
        found += [shots + prompt(item.question) for item in drawn["test"][:ITEMS]]
    return found


def answers(
    folder: Path, dtype: Dtype, asked: Sequence[str], *, captured: bool
) -> tuple[Answers, str]:
    lm = FollowedLM(
        load_model(folder, None, dtype=dtype, device="cuda"),
        load_tokenizer(folder),
        batch_size=BATCH,
        on_rows=lambda _rows: None,
        on_warning=print,
        rows_restarted=lambda: None,
    )
    if not captured:
        lm._choice = Choice(None, "plain")
    # A third stops at once, the others run on: rows leave, and caches grow.
    stops = (["\n"], ["7"], ["\0"])
    requests = [
        Instance(
            "generate_until",
            {},
            (text, {"until": stops[number % 3], "do_sample": False, "max_gen_toks": TOKENS}),
            0,
            ("decoding", number, 1),
        )
        for number, text in enumerate(asked)
    ]
    torch.cuda.synchronize()
    began = time.perf_counter()
    texts = tuple(lm.generate_until(requests))
    seconds = time.perf_counter() - began
    reason = lm._choice.reason if lm._choice else "not chosen"
    del lm
    release()
    return Answers(texts, seconds), reason

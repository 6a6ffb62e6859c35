"""Whether a model's decoding steps are captured: tried on a few rows, compared, and timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    DynamicCache,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
)

from ptb_lite.evaluation.engine.captured import CapturedSteps, CaptureError, fixed_cache

ROWS, PROMPT, STEPS = 8, 16, 12
# The first steps set things up, and the one that captures is slow.
UNTIMED = 4
# Logits of bfloat16 differ by a hundredth of their length between kernels; a step that was
# captured wrongly gives other logits altogether.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Choice:
    """`steps` to decode with, None where plain steps are taken, and a sentence about it."""

    steps: CapturedSteps | None
    reason: str
    failed: bool = False
    """Whether capturing was tried and did not work."""


def choose_steps(model: PreTrainedModel) -> Choice:
    """Captured steps where the model gives the same logits with them, and sooner."""
    if model.device.type != "cuda":
        return Choice(None, "steps are captured on a GPU only")
    steps = CapturedSteps(model)
    try:
        plain, captured = tried(model), tried(model, steps)
    except (CaptureError, RuntimeError, ValueError) as error:
        steps.release()
        return Choice(None, f"decoding steps cannot be captured here: {error}"[:300], failed=True)
    finally:
        steps.forget()
    told = f"{1000 * captured.seconds:.1f} ms captured, {1000 * plain.seconds:.1f} ms plain"
    off = distance(plain, captured)
    if off > TOLERANCE:
        steps.release()
        return Choice(None, f"captured steps give other logits ({off:.0%} off)", failed=True)
    if captured.seconds >= plain.seconds:
        steps.release()
        return Choice(None, f"captured steps are no faster: {told}")
    return Choice(steps, f"decoding steps are captured: {told}")


@dataclass(frozen=True)
class Tried:
    """Tokens (rows, steps), logits (steps, rows, vocabulary), and median seconds of a step."""

    tokens: torch.Tensor
    logits: torch.Tensor
    seconds: float


def tried(
    model: PreTrainedModel,
    steps: CapturedSteps | None = None,
    fixed: Callable[[Any, torch.Tensor, int], Any] = fixed_cache,
) -> Tried:
    """Greedy completions of rows of differing padding, by plain steps or by `steps`."""
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 200, (ROWS, PROMPT), generator=draw).to(model.device)
    mask = torch.ones_like(ids)
    for row in range(ROWS):
        mask[row, : row % 4] = 0
    cache: Any = DynamicCache(config=model.config)
    first = _generate(model, ids, mask, cache, 1)
    mask = torch.cat([mask, mask.new_ones(ROWS, 1)], dim=1)
    if steps is not None:
        cache = fixed(cache, torch.arange(ROWS, device=model.device), PROMPT + STEPS)
    watch = _Stopwatch()
    made = _generate(model, first.sequences, mask, cache, STEPS - 1, watch)
    return Tried(
        tokens=made.sequences[:, PROMPT:],
        logits=torch.stack([*first.logits, *made.logits]),
        seconds=watch.median(),
    )


def distance(one: Tried, other: Tried) -> float:
    """How far the logits are apart, as a share of their length: the worst row and step. Rows are
    compared as long as they have written the same."""
    worst = 0.0
    for row in range(ROWS):
        for step in range(STEPS):
            a, b = one.logits[step, row].float(), other.logits[step, row].float()
            worst = max(worst, float((a - b).norm() / a.norm()))
            if one.tokens[row, step] != other.tokens[row, step]:
                break
    return worst


def _generate(
    model: PreTrainedModel,
    ids: torch.Tensor,
    mask: torch.Tensor,
    cache: Any,
    tokens: int,
    *criteria: StoppingCriteria,
) -> Any:
    with torch.inference_mode():
        return model.generate(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=cache,
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            use_cache=True,
            pad_token_id=0,
            output_logits=True,
            return_dict_in_generate=True,
            stopping_criteria=StoppingCriteriaList(criteria),
        )


class _Stopwatch(StoppingCriteria):  # type: ignore[misc]
    """When each step was done; it stops none."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # noqa: ARG002
        if input_ids.is_cuda:
            torch.cuda.synchronize()
        self._times.append(time.perf_counter())
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    def median(self) -> float:
        """Seconds of a step, without the first ones."""
        steps = [b - a for a, b in zip(self._times, self._times[1:], strict=False)]
        return statistics.median(steps[UNTIMED:])

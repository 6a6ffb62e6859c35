"""Batches of completions by transformers' `generate`; rows that have stopped leave the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.cache_utils import Cache

from ptb_lite.evaluation.engine.captured import (
    LEAST_STEPS,
    CapturedSteps,
    fixed_cache,
    next_stop,
)

# Tokens looked back at beyond the stop sequence, as in lm-eval: tokenizers merge across it.
LOOK_BACK = 2
# Fewer rows cost a step hardly less: the weights are read all the same.
FEWEST = 4


def complete(
    model: PreTrainedModel,
    stop: RowStop,
    ids: torch.Tensor,
    mask: torch.Tensor,
    cache: Cache | None,
    max_length: int,
    steps: CapturedSteps | None = None,
    **settings: Any,
) -> torch.Tensor:
    """Left-padded prompts (rows, length) with their completions, (rows, up to `max_length`).

    `cache` holds the first columns' keys and values, or nothing yet; with None all rows run until
    the last has stopped. With `steps`, those after a prompt's are captured. `settings` are
    `generate`'s. Padding follows a completed row.

    Raises `CaptureError` where `steps` cannot be had.
    """
    padding = settings["pad_token_id"]
    whole = torch.full((len(ids), max_length), padding, dtype=ids.dtype, device=ids.device)
    rows = torch.arange(len(ids), device=ids.device)
    longest = ids.shape[1]
    if cache is None or max_length - longest < LEAST_STEPS:
        steps = None
    # The prompts themselves go through a cache that grows: attention then has no masked columns.
    until = longest + 1 if steps else max_length
    while True:
        stop.begin(rows.tolist(), may_leave=cache is not None)
        with torch.inference_mode():
            made: torch.Tensor = model.generate(
                input_ids=ids,
                attention_mask=mask,
                past_key_values=cache,
                max_length=until,
                stopping_criteria=StoppingCriteriaList([stop]),
                use_cache=True,
                **settings,
            )
        longest = max(longest, made.shape[1])
        whole[rows, : made.shape[1]] = made
        running = torch.tensor(stop.running(), dtype=torch.long, device=ids.device)
        if cache is None or len(running) == 0 or made.shape[1] >= max_length:
            return whole[:, :longest]
        if steps is None:
            cache.batch_select_indices(running)
        else:
            steps.forget()
            until = next_stop(made.shape[1], max_length)
            cache = fixed_cache(cache, running, until)
        grown = mask.new_ones(len(mask), made.shape[1] - mask.shape[1])
        mask = torch.cat([mask, grown], dim=1)[running]
        ids, rows = made[running], rows[running]


class RowStop(StoppingCriteria):  # type: ignore[misc]
    """Stops each row at its first stop sequence, and all of them once half have stopped.

    lm-eval's own criterion waits until every row has met the same sequence, so that one row that
    ends with the end-of-text token keeps all others running to the limit.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        stop: Sequence[str],
        start: int,
        ends: Sequence[int] = (),
        on_rows: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`start` is the prompts' length in tokens; `ends` are tokens that end a row as well.

        `on_rows(n)` is called for every n rows that have stopped.
        """
        self._tokenizer = tokenizer
        self._start = start
        self._stop = tuple(stop)
        self._ends = frozenset(ends)
        self._on_rows = on_rows
        self.stopped = 0
        lengths = (len(tokenizer.encode(text, add_special_tokens=False)) for text in stop)
        self._look_back = max((length + LOOK_BACK for length in lengths), default=1)
        self.begin([])

    def begin(self, rows: Sequence[int], *, may_leave: bool = False) -> None:
        """The next batch: so many rows, none of them stopped."""
        self._done = [False] * len(rows)
        self._may_leave = may_leave and len(rows) > FEWEST

    def running(self) -> list[int]:
        """The numbers of the batch's rows that have not stopped."""
        return [row for row, done in enumerate(self._done) if not done]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # noqa: ARG002
        rows = self.running()
        recent = input_ids[:, self._start :][:, -self._look_back :].tolist()
        texts = self._tokenizer.batch_decode([recent[row] for row in rows])
        for row, text in zip(rows, texts, strict=True):
            stopped = recent[row][-1] in self._ends or any(s in text for s in self._stop)
            self._done[row] = stopped
        left = len(self._done) - sum(self._done)
        if left < len(rows):
            self.stopped += len(rows) - left
            self._on_rows(len(rows) - left)
        if self._may_leave and 2 * left <= len(self._done):
            return torch.ones(len(self._done), dtype=torch.bool, device=input_ids.device)
        return torch.tensor(self._done, device=input_ids.device)


def end_tokens(model: PreTrainedModel) -> tuple[int, ...]:
    """The tokens at which `generate` itself ends a row."""
    ends = model.generation_config.eos_token_id if model.generation_config else None
    return () if ends is None else tuple(ends) if isinstance(ends, list) else (ends,)

"""lm-eval's Hugging Face model with progress, an earlier stop and a way out of low memory.

None of it changes a completion: the stop ends a row where lm-eval would cut it afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    StoppingCriteria,
    StoppingCriteriaList,
)

from ptb_lite.evaluation.kept import KeptCompletions

# Tokens looked back at beyond the stop sequence, as in lm-eval: tokenizers merge across it.
LOOK_BACK = 2


class FollowedLM(HFLM):  # type: ignore[misc]
    """`on_rows(n)` is called for every n finished rows, `on_warning(text)` when the batch shrinks.

    `rows_restarted` is called when a smaller batch starts over. While `kept` is set, completions
    are kept there batch by batch, and those that it has are not generated again.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_size: int,
        on_rows: Callable[[int], None],
        on_warning: Callable[[str], None],
        rows_restarted: Callable[[], None],
    ) -> None:
        super().__init__(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
        self._on_rows = on_rows
        self._on_warning = on_warning
        self._rows_restarted = rows_restarted
        self.kept: KeptCompletions | None = None
        self._batch: dict[str, str] = {}
        self.cache_hook = self

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """As lm-eval's, with half the batch when memory does not suffice, down to single rows."""
        while True:
            try:
                return self._generate_missing(requests, disable_tqdm)
            except RuntimeError as error:
                if not is_out_of_memory(error) or self.batch_size_per_gpu <= 1:
                    raise
                self.batch_size_per_gpu //= 2
                self._on_warning(f"out of memory: the batch is halved to {self.batch_size_per_gpu}")
                self._rows_restarted()
            # Outside the handler: the error's traceback holds the tensors that filled the memory.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _generate_missing(self, requests: list[Instance], disable_tqdm: bool) -> list[str]:
        kept = self.kept
        if kept is None:
            return super().generate_until(requests, disable_tqdm=disable_tqdm)  # type: ignore[no-any-return]
        found = [kept.find(request.args[0]) for request in requests]
        missing = [one for one, text in zip(requests, found, strict=True) if text is None]
        if len(missing) < len(requests):
            self._on_rows(len(requests) - len(missing))
        made = iter(super().generate_until(missing, disable_tqdm=disable_tqdm) if missing else ())
        self._keep_batch()
        return [next(made) if text is None else text for text in found]

    def add_partial(self, _: str, request: tuple[str, dict[str, Any]], completion: str) -> None:
        """What lm-eval calls for every completion, being its cache (`cache_hook`)."""
        if self.kept is not None:
            self._batch[request[0]] = completion

    def _keep_batch(self) -> None:
        if self.kept is not None:
            self.kept.add(self._batch)
        self._batch = {}

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **settings: Any
    ) -> torch.Tensor:
        self._keep_batch()
        settings.setdefault("temperature", 0.0)
        if settings["temperature"] == 0.0:
            settings.pop("temperature")
            settings["do_sample"] = False
        rows: torch.Tensor = self.model.generate(
            input_ids=context,
            max_length=max_length,
            stopping_criteria=StoppingCriteriaList(
                [RowStop(self.tokenizer, stop, context.shape[1], context.shape[0])]
            ),
            pad_token_id=self.tokenizer.pad_token_id,
            use_cache=True,
            **settings,
        )
        self._on_rows(context.shape[0])
        return rows


class RowStop(StoppingCriteria):  # type: ignore[misc]
    """Stops each row at its first stop sequence.

    lm-eval's own criterion waits until every row has met the same sequence, so that one row that
    ends with the end-of-text token keeps all others running to the limit.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, stop: list[str], start: int, rows: int
    ) -> None:
        self._tokenizer = tokenizer
        self._start = start
        self._done = [False] * rows
        self._stop = [
            (text, len(tokenizer.encode(text, add_special_tokens=False)) + LOOK_BACK)
            for text in stop
        ]
        self._look_back = max((length for _, length in self._stop), default=1)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:  # noqa: ARG002
        recent = input_ids[:, self._start :][:, -self._look_back :]
        for row, text in enumerate(self._tokenizer.batch_decode(recent)):
            self._done[row] |= any(sequence in text for sequence, _ in self._stop)
        return torch.tensor(self._done, device=input_ids.device)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory: on a GPU a type of its own, on a CPU only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

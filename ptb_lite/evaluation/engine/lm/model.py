"""lm-eval's Hugging Face model with progress, less waiting and a way out of low memory.

None of it changes a completion or a choice: a row stops where lm-eval would cut it afterwards, what
prompts share is computed once (`prefix.py`), and so is a context that is followed by several
choices (`likelihood.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from ptb_lite.evaluation.engine.captured import LEAST_STEPS, CapturedSteps, CaptureError
from ptb_lite.evaluation.engine.decoding import RowStop, complete, end_tokens
from ptb_lite.evaluation.engine.lm.likelihood import grouped, score
from ptb_lite.evaluation.engine.lm.shared import KeepsCompletions
from ptb_lite.evaluation.engine.prefix import LEAST, SharedPrefix, common_prefix, empty_cache
from ptb_lite.evaluation.engine.step_choice import Choice, choose_steps

T = TypeVar("T")
TokenRequest = tuple[tuple[str, str], list[int], list[int]]


class FollowedLM(KeepsCompletions, HFLM):  # type: ignore[misc]
    """`on_rows(n)` is called for every n finished rows, `on_warning(text)` when the batch shrinks.

    `rows_restarted` is called when a smaller batch starts over.
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
        self._start_keeping(on_rows)
        self._on_warning = on_warning
        self._rows_restarted = rows_restarted
        self._prefix: SharedPrefix | None = None
        self._documents = 0
        self._choice: Choice | None = None
        self._plain = empty_cache(model) is not None
        if self._plain and model.generation_config is not None:
            # Gemma's own asks for static caches, which `generate` refuses beside one of ours.
            model.generation_config.cache_implementation = None

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """As lm-eval's, with half the batch when memory does not suffice, down to single rows."""
        prompts = [request.args[0] for request in requests]

        def generate() -> list[str]:
            self._prefix = self._shared_by_texts(prompts)
            return super(FollowedLM, self).generate_until(requests, disable_tqdm)

        return self._within_memory(generate)

    def loglikelihood(
        self, requests: list[Instance], disable_tqdm: bool = True
    ) -> list[tuple[float, bool]]:
        """As lm-eval's: (log-probability of the continuation, whether greedy decoding writes it).

        Each context is computed once for all its continuations, in batches as `generate_until`'s.
        """
        documents = {(request.task_name, request.doc_id) for request in requests}
        self._documents = len(documents)
        return self._within_memory(
            lambda: super(FollowedLM, self).loglikelihood(requests, disable_tqdm)
        )

    def _loglikelihood_tokens(
        self, requests: list[TokenRequest], disable_tqdm: bool = False, override_bs: Any = None
    ) -> list[tuple[float, bool]]:
        # Longer ones are cut on the left by lm-eval, each in its own way.
        fits = [len(r[1]) + len(r[2]) <= self.max_length + 1 for r in requests]
        if not self._plain or not all(fits):
            stock = super()._loglikelihood_tokens(requests, disable_tqdm, override_bs)
            self._on_rows(self._documents)
            return stock  # type: ignore[no-any-return]
        contexts = grouped(requests)
        prefix = self._shared([list(context.tokens) for context in contexts])
        answers: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        done = 0
        size = self.batch_size_per_gpu
        for begin in range(0, len(contexts), size):
            batch = contexts[begin : begin + size]
            with torch.inference_mode():
                for found, answer in score(
                    self.model, batch, prefix, batch_size=size, dtype=self.softmax_dtype
                ):
                    answers[found.place] = answer
            before, done = done, done + sum(len(context.continuations) for context in batch)
            total, count = len(requests), self._documents
            self._on_rows(count * done // total - count * before // total)
        return answers

    def _within_memory(self, work: Callable[[], T]) -> T:
        while True:
            try:
                return work()
            except CaptureError as error:
                self._give_up_capturing(str(error))
                self._rows_restarted()
            except RuntimeError as error:
                if not is_out_of_memory(error) or self.batch_size_per_gpu <= 1:
                    raise
                self.batch_size_per_gpu //= 2
                self._on_warning(f"out of memory: the batch is halved to {self.batch_size_per_gpu}")
                self._rows_restarted()
            finally:
                self._prefix = None
            # Outside the handler: the error's traceback holds the tensors that filled the memory.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _shared_by_texts(self, prompts: list[str]) -> SharedPrefix | None:
        """What all prompts begin with; of kept ones too, so that a continued run does the same."""
        if len(prompts) < 2 or _begin_alike(prompts) < LEAST or not self._plain:
            return None
        ids, mask = self.tok_batch_encode(prompts)
        return self._shared(
            [row[seen.bool()].tolist() for row, seen in zip(ids, mask, strict=True)]
        )

    def _shared(self, rows: list[list[int]]) -> SharedPrefix | None:
        """What all rows of tokens begin with, computed once; None where that saves nothing."""
        tokens = common_prefix(rows) if len(rows) > 1 else []
        if len(tokens) < LEAST:
            return None
        with torch.inference_mode():
            return SharedPrefix(self.model, tokens)

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **settings: Any
    ) -> torch.Tensor:
        self._keep_batch()
        settings.setdefault("temperature", 0.0)
        if settings["temperature"] == 0.0:
            settings.pop("temperature")
            settings["do_sample"] = False
        mask = settings.pop("attention_mask")
        ends = end_tokens(self.model)
        stopping = RowStop(self.tokenizer, stop, context.shape[1], ends, self._on_rows)
        steps = self._steps(max_length - context.shape[1])
        try:
            rows = complete(
                self.model,
                stopping,
                context,
                mask,
                self._cache(context, mask),
                max_length,
                steps,
                pad_token_id=self.tokenizer.pad_token_id,
                **settings,
            )
        finally:
            if steps is not None:
                steps.forget()
        # The others ran to their limit.
        self._on_rows(context.shape[0] - stopping.stopped)
        return rows

    def _steps(self, wanted: int) -> CapturedSteps | None:
        """What decodes `wanted` tokens a row; chosen when it is first worth it."""
        if wanted < LEAST_STEPS or not self._plain:
            return None
        if self._choice is None:
            self._choice = choose_steps(self.model)
            if self._choice.failed:
                self._on_warning(self._choice.reason)
            elif self.model.device.type == "cuda":
                print(self._choice.reason, file=sys.stderr)
        return self._choice.steps

    def _give_up_capturing(self, why: str) -> None:
        if self._choice is not None and self._choice.steps is not None:
            self._choice.steps.release()
        self._choice = Choice(None, why)
        self._on_warning(f"decoding steps can no longer be captured: {why}"[:300])

    def _cache(self, context: torch.Tensor, mask: torch.Tensor) -> DynamicCache | None:
        if self._prefix is not None and self._prefix.begins(context, mask):
            return self._prefix.cache(mask)
        return empty_cache(self.model) if self._plain else None


def _begin_alike(texts: Sequence[str]) -> int:
    """How many characters all texts begin with: hardly any where no tokens can be shared."""
    return len(common_prefix([[*map(ord, min(texts))], [*map(ord, max(texts))]]))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory: on a GPU a type of its own, on a CPU only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

"""lm-eval's vLLM model with progress and kept completions, whose texts are read as transformers'.

vLLM must be installed to import this, and reads its environment variables then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lm_eval.models.vllm_causallms import VLLM
from tqdm import tqdm

from ptb_lite.evaluation.engine.lm.shared import KeepsCompletions


class FollowedVLLM(KeepsCompletions, VLLM):  # type: ignore[misc]
    """`on_rows(n)` is called for every n finished rows.

    `settings` are the arguments of lm-eval's class, `chat_template` the one that is used: neither
    that of the tokenizer's folder nor vLLM's guess. A batch that is kept has `batch_size` rows.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        *,
        chat_template: str | None,
        on_rows: Callable[[int], None],
    ) -> None:
        super().__init__(**settings)
        self.tokenizer.chat_template = self.hf_chat_template = chat_template
        self._start_keeping(on_rows)

    @property
    def batch_size_per_gpu(self) -> int:
        """Rows that are handed to vLLM at once; the name is that of lm-eval's other class."""
        return int(self.batch_size)

    @property
    def max_length(self) -> int:
        """Tokens of prompt and answer that fit: lm-eval's own says what was asked for."""
        return int(self.model.llm_engine.model_config.max_model_len)

    def _model_generate(
        self,
        requests: list[list[int]],
        generate: bool = False,
        sampling_params: Any = None,
    ) -> Any:
        if not generate:
            return super()._model_generate(requests, generate, sampling_params)
        self._keep_batch()
        found = self.model.generate(
            [{"prompt_token_ids": tokens} for tokens in requests],
            sampling_params=sampling_params,
            use_tqdm=self._bar,
        )
        for one in found:
            # lm-eval's two classes differ here: transformers' leaves special tokens out of the
            # text. vLLM has to see them, because chats stop at one.
            written = one.outputs[0]
            written.text = self.tokenizer.decode(written.token_ids, skip_special_tokens=True)
        return found

    def _bar(self, *iterables: Any, **given: Any) -> Any:
        """What vLLM makes its bars with: one around the prompts that it prepares, one for rows."""
        return iterables[0] if iterables else Bar(self._on_rows, **given)


class Bar(tqdm):  # type: ignore[misc]
    """vLLM's progress bar: heard, and drawn nowhere."""

    def __init__(self, on_rows: Callable[[int], None], **given: Any) -> None:
        self._heard = on_rows
        super().__init__(**{**given, "file": _Nowhere()})

    def update(self, n: float | None = 1) -> bool | None:
        self._heard(int(n or 0))
        return super().update(n)  # type: ignore[no-any-return]


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None: ...

"""What both of our lm-eval models share: completions kept batch by batch, and read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from ptb_lite.evaluation.engine.completion_log import KeptCompletions


class KeepsCompletions(LM):  # type: ignore[misc]
    """To be put before lm-eval's class, and told with `_start_keeping` once that is made.

    While `kept` is set, completions are kept there batch by batch, and those that it has are not
    generated again. `_keep_batch` is to be called where a batch begins.
    """

    kept: KeptCompletions | None
    _on_rows: Callable[[int], None]
    _batch: dict[str, str]

    def _start_keeping(self, on_rows: Callable[[int], None]) -> None:
        """`on_rows(n)` is called for n completions that were kept before."""
        self._on_rows = on_rows
        self.kept = None
        self._batch = {}
        self.cache_hook = self

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """As lm-eval's, less what `kept` has."""
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

    def add_partial(self, kind: str, request: tuple[str, Any], completion: Any) -> None:
        """What lm-eval calls for every completion, being its cache (`cache_hook`)."""
        if self.kept is not None and kind == "generate_until":
            self._batch[request[0]] = completion

    def _keep_batch(self) -> None:
        if self.kept is not None:
            self.kept.add(self._batch)
        self._batch = {}

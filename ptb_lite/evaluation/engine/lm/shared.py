"""What both of our lm-eval models share: completions kept batch by batch, read again and heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from ptb_lite.evaluation.engine.completion_log import StoredCompletions


class KeepsCompletions(LM):  # type: ignore[misc]
    """To be put before lm-eval's class, and told with `_start_keeping` once that is made.

    While `kept` is set, completions are kept there batch by batch, and those that it has are not
    generated again. `_keep_batch` is to be called where a batch begins. `heard`, where it is set,
    is called with a document of lm-eval's and its completion, for each as it comes.
    """

    kept: StoredCompletions | None
    heard: Callable[[Any, str], None] | None
    _documents_of: dict[str, Any]
    _on_rows: Callable[[int], None]
    _batch: dict[str, str]

    def _start_keeping(self, on_rows: Callable[[int], None]) -> None:
        """`on_rows(n)` is called for n completions that were kept before."""
        self._on_rows = on_rows
        self.kept = self.heard = None
        self._batch = {}
        self._documents_of = {}
        self.cache_hook = self

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """As lm-eval's, less what `kept` has."""
        kept = self.kept
        self._documents_of = {request.args[0]: request.doc for request in requests}
        if kept is None:
            return super().generate_until(requests, disable_tqdm=disable_tqdm)  # type: ignore[no-any-return]
        found = [kept.find(request.args[0]) for request in requests]
        missing = [one for one, text in zip(requests, found, strict=True) if text is None]
        if len(missing) < len(requests):
            self._on_rows(len(requests) - len(missing))
            for one, text in zip(requests, found, strict=True):
                if text is not None:
                    self._hear(one.args[0], text)
        made = iter(super().generate_until(missing, disable_tqdm=disable_tqdm) if missing else ())
        self._keep_batch()
        return [next(made) if text is None else text for text in found]

    def add_partial(self, kind: str, request: tuple[str, Any], completion: Any) -> None:
        """What lm-eval calls for every completion, being its cache (`cache_hook`)."""
        if kind != "generate_until":
            return
        if self.kept is not None:
            self._batch[request[0]] = completion
        self._hear(request[0], completion)

    def _hear(self, prompt: str, completion: str) -> None:
        if self.heard is not None and prompt in self._documents_of:
            self.heard(self._documents_of[prompt], completion)

    def _keep_batch(self) -> None:
        if self.kept is not None:
            self.kept.add(self._batch)
        self._batch = {}

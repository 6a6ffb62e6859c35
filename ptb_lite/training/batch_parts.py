"""A batch in parts: gradients of parts are summed, and a part that does not fit is halved.

The loss is divided by the supervised tokens of the whole batch, so that parts change no number but
the order of the sum; the step that ran out of memory is done again, not skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch


class BatchParts:
    """Goes before a `transformers.Trainer` among a class's bases.

    `parts` is how many parts a batch goes through the model in; `on_halved(rows)` is called with
    the new size of a part when memory did not suffice. Raises what torch raised when a single row
    does not fit.
    """

    parts: int = 1
    on_halved: Callable[[int], None] = staticmethod(lambda _rows: None)

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Any:
        rows = len(inputs["input_ids"])
        counted = getattr(self, "_total_train_tokens", 0)
        while True:
            try:
                return self._in_parts(model, inputs, num_items_in_batch, min(self.parts, rows))
            except RuntimeError as error:
                if not is_out_of_memory(error) or self.parts >= rows:
                    raise
            # Outside the handler: the error's traceback holds the tensors that filled the memory.
            model.zero_grad(set_to_none=True)
            self._total_train_tokens = counted
            self.parts = min(2 * self.parts, rows)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.on_halved(-(-rows // self.parts))

    def _in_parts(self, model: Any, inputs: dict[str, Any], items: Any, parts: int) -> Any:
        step = super().training_step  # type: ignore[misc]
        if parts == 1:
            return step(model, inputs, num_items_in_batch=items)
        if items is None:
            items = (inputs["labels"][:, 1:] != -100).sum()
        losses = [step(model, part, num_items_in_batch=items) for part in split(inputs, parts)]
        return torch.stack(losses).sum()


def split(inputs: dict[str, Any], parts: int) -> Iterator[dict[str, Any]]:
    """`inputs` (tensors of one shape, rows first) in parts of like length, padding cut off."""
    mask = inputs["attention_mask"]
    lengths = mask.sum(-1)
    for rows in lengths.argsort(stable=True).tensor_split(parts):
        if len(rows):
            longest = int(lengths[rows].max())
            yield {name: tensor[rows, :longest] for name, tensor in inputs.items()}


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory: on a GPU a type of its own, on a CPU only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

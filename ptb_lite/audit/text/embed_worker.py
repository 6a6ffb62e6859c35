"""Embeds items and rows: `python -m ptb_lite.audit.text.embed_worker MODEL ASKED TOLD`.

Mean pooling over the last hidden states, unit length (Reimers and Gurevych 2019). Only safetensors
are loaded and no code of the model's. Needs torch and transformers; nothing of the package imports
this module.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_BATCH = 32
_LONGEST = 256


class Embedder:
    """A local model that turns texts into vectors of unit length."""

    def __init__(self, model: str) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        network = AutoModel.from_pretrained(model, trust_remote_code=False, use_safetensors=True)
        self._network = network.float().eval()

    def embed(self, texts: Sequence[str]) -> Any:
        """(text, size of a vector), as a tensor. `texts` has at least one."""
        import torch

        return torch.cat([self._batch(texts[n : n + _BATCH]) for n in range(0, len(texts), _BATCH)])

    def _batch(self, texts: Sequence[str]) -> Any:
        import torch

        batch = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = self._network(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(pooled, dim=1)


def nearest_of(items: Any, rows: Any, top: int) -> Iterator[tuple[int, int, float]]:
    """Item number, row number and cosine of the `top` rows of every item."""
    top = min(top, len(rows))
    values, places = (items @ rows.T).topk(top, dim=1)
    for number in range(len(items)):
        for k in range(top):
            yield number, int(places[number, k]), float(values[number, k])


def main(model: str, asked: str, told: str) -> None:
    question = json.loads(Path(asked).read_text())
    embedder = Embedder(model)
    items, rows = embedder.embed(question["items"]), embedder.embed(question["rows"])
    Path(told).write_text(json.dumps(list(nearest_of(items, rows, question["top"]))))


if __name__ == "__main__":
    main(*sys.argv[1:])

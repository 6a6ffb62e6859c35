"""Embeds items and rows: `python -m ptb_lite.audit.embed_worker MODEL ASKED TOLD`.

Mean pooling over the last hidden states, unit length (Reimers and Gurevych 2019). Only safetensors
are loaded and no code of the model's. Needs torch and transformers; nothing imports this module.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_BATCH = 32
_LONGEST = 256


def main(model: str, asked: str, told: str) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    question = json.loads(Path(asked).read_text())
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    network = AutoModel.from_pretrained(model, trust_remote_code=False, use_safetensors=True)
    network = network.float().eval()

    def embed(texts: list[str]) -> Any:
        parts = []
        for start in range(0, len(texts), _BATCH):
            batch = tokenizer(
                texts[start : start + _BATCH],
                padding=True,
                truncation=True,
                max_length=_LONGEST,
                return_tensors="pt",
            )
            with torch.inference_mode():
                hidden = network(**batch).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).float()
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            parts.append(torch.nn.functional.normalize(pooled, dim=1))
        return torch.cat(parts)

    items, rows = embed(question["items"]), embed(question["rows"])
    top = min(question["top"], len(question["rows"]))
    values, places = (items @ rows.T).topk(top, dim=1)
    found = [
        (number, int(places[number, k]), float(values[number, k]))
        for number in range(len(items))
        for k in range(top)
    ]
    Path(told).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])

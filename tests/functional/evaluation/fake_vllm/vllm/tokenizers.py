from __future__ import annotations

from typing import Any


def get_tokenizer(name: str, *, tokenizer_mode: str, **given: Any) -> Any:
    from transformers import AutoTokenizer

    assert tokenizer_mode == "auto"
    return AutoTokenizer.from_pretrained(name, **given)

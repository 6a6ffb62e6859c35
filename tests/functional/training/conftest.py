from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.functional.tiny_models import tiny_gemma3


@pytest.fixture(scope="session")
def tiny_gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Gemma 3 of the embedded model's architecture, over single bytes."""
    folder = tmp_path_factory.mktemp("tiny-gemma")
    layers = ["sliding_attention", "full_attention"]
    return tiny_gemma3(folder, hidden=64, layer_types=layers, initializer_range=0.2)


@pytest.fixture(scope="session")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 sums of two digits as training examples."""
    path = tmp_path_factory.mktemp("sums") / "sums.jsonl"
    draw = random.Random(0)
    pairs = [(draw.randint(0, 9), draw.randint(0, 9)) for _ in range(200)]
    path.write_text(
        "".join(
            json.dumps({"prompt": f"Question: {a} + {b}\nAnswer:", "completion": f" {a + b}\n"})
            + "\n"
            for a, b in pairs
        )
    )
    return path

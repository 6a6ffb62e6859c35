"""What the catalogue says of the embedded models is what their converted files say."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.weights import base_model_folder

CATALOG = load_catalog(Path("/nonexistent"))


@pytest.mark.parametrize("name", ["gemma-3-270m-embedded", "smollm2-135m-instruct-embedded"])
def test_figures(name: str) -> None:
    entry = CATALOG.model(name)
    folder = base_model_folder(entry)
    config = json.loads((folder / "config.json").read_text())
    assert {
        "vocab_size": entry.vocabulary,
        "num_hidden_layers": entry.layers,
        "hidden_size": entry.hidden,
        "intermediate_size": entry.intermediate,
        "num_attention_heads": entry.heads,
        "num_key_value_heads": entry.kv_heads,
        "max_position_embeddings": entry.context,
    }.items() <= config.items()
    assert config.get("head_dim", entry.hidden // entry.heads) == entry.head_dim
    assert _parameters(folder / "model.safetensors") == entry.parameters


def _parameters(path: Path) -> int:
    """Weights in a safetensors file, from its header alone."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__")

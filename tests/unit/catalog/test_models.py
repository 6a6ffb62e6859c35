"""The catalogue's figures must multiply out: a wrong layer count would spoil a memory estimate."""

from __future__ import annotations

import pytest

from ptb_lite.catalog import ModelEntry, load_catalog

# SigLIP-so400m at 896 pixels with its projector: in the checkpoint, outside the text model.
_VISION = {"gemma-3-4b-pt": 419_816_304}
_MODELS = load_catalog().models
_WANTED = {
    "gemma-3-270m-embedded",
    "smollm2-135m-instruct-embedded",
    "qwen3-0.6b-base",
    "qwen3-1.7b-base",
    "qwen3-4b-base",
    "smollm2-135m",
    "smollm2-360m",
    "smollm2-1.7b",
    "smollm3-3b-base",
    "gemma-3-270m",
    "gemma-3-1b-pt",
    "gemma-3-4b-pt",
}


def _norms(entry: ModelEntry) -> int:
    """Weights of the norms of one layer: Gemma 3 has four and two on heads, Qwen3 two and two."""
    on_heads = 0 if entry.chat_family == "smollm" else 2 * entry.head_dim
    return (4 if entry.chat_family == "gemma" else 2) * entry.hidden + on_heads


@pytest.mark.parametrize("entry", _MODELS.values(), ids=list(_MODELS))
def test_parameters_multiply_out(entry: ModelEntry) -> None:
    queries = entry.hidden * entry.heads * entry.head_dim
    keys_and_values = 2 * entry.hidden * entry.kv_heads * entry.head_dim
    feed_forward = 3 * entry.hidden * entry.intermediate
    layer = 2 * queries + keys_and_values + feed_forward + _norms(entry)
    embedding = entry.vocabulary * entry.hidden * (1 if entry.tied_embeddings else 2)
    text_model = embedding + entry.layers * layer + entry.hidden
    assert entry.parameters == text_model + _VISION.get(entry.id, 0)


def test_every_model_of_the_issue_is_there() -> None:
    assert set(_MODELS) == _WANTED


def test_gemma_is_gated_on_the_hub_and_not_when_embedded() -> None:
    assert {entry.id for entry in _MODELS.values() if entry.gated} == {
        "gemma-3-270m",
        "gemma-3-1b-pt",
        "gemma-3-4b-pt",
    }


def test_every_base_model_names_its_instruct_counterpart() -> None:
    assert all(entry.instruct for entry in _MODELS.values() if entry.role == "base")

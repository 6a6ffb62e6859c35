"""Small models of the base's shape: the base, its chat sibling, and what was made of them."""

from __future__ import annotations

import json
import struct

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[np.float32]]
SEED = 1
HIDDEN, INNER, LAYERS, VOCABULARY = 64, 128, 2, 256
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 16,
    "vocab_size": VOCABULARY,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32768,
    "torch_dtype": "float32",
}
_PROJECTIONS = {
    "self_attn.q_proj": (HIDDEN, HIDDEN),
    "self_attn.k_proj": (HIDDEN, HIDDEN),
    "self_attn.v_proj": (HIDDEN, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HIDDEN),
    "mlp.gate_proj": (INNER, HIDDEN),
    "mlp.up_proj": (INNER, HIDDEN),
    "mlp.down_proj": (HIDDEN, INNER),
}


def base(seed: int) -> Tensors:
    draw = np.random.default_rng(seed)
    tensors = {"model.embed_tokens.weight": _normal(draw, (VOCABULARY, HIDDEN), 0.02)}
    for layer in range(LAYERS):
        head = f"model.layers.{layer}"
        for name, shape in _PROJECTIONS.items():
            tensors[f"{head}.{name}.weight"] = _normal(draw, shape, 0.02)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{head}.{name}.weight"] = np.ones(HIDDEN, np.float32)
    tensors["model.norm.weight"] = np.ones(HIDDEN, np.float32)
    return tensors


def chat(of: Tensors, seed: int) -> Tensors:
    """What long post-training leaves: every tensor changed, in all directions."""
    draw = np.random.default_rng(seed)
    return {
        name: (value + _normal(draw, value.shape, 0.35 * float(value.std()) + 0.01)).astype("f4")
        for name, value in of.items()
    }


def half_and_half(one: Tensors, two: Tensors) -> Tensors:
    return {name: (0.5 * value + 0.5 * two[name]).astype("f4") for name, value in one.items()}


def with_adapter(of: Tensors, seed: int, rank: int = 8) -> Tensors:
    """A LoRA merged: projections changed by little, with a low rank; all else as it was."""
    draw, made = np.random.default_rng(seed), dict(of)
    for name, value in of.items():
        if "_proj" in name:
            up = _normal(draw, (value.shape[0], rank), 0.01)
            down = _normal(draw, (rank, value.shape[1]), 0.05)
            made[name] = (value + up @ down).astype("f4")
    return made


def little_trained(of: Tensors, seed: int) -> Tensors:
    """A short training of everything: small changes in all tensors."""
    draw = np.random.default_rng(seed)
    return {
        name: (value + _normal(draw, value.shape, 0.0004)).astype("f4")
        for name, value in of.items()
    }


def files(tensors: Tensors, **config: object) -> dict[str, bytes]:
    """`config.json` and `model.safetensors`."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at, bodies = 0, []
    for name in sorted(tensors):
        raw = tensors[name].astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [at, at + len(raw)],
        }
        at += len(raw)
        bodies.append(raw)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return {
        "config.json": json.dumps({**CONFIG, **config}, indent=2).encode(),
        "model.safetensors": struct.pack("<Q", len(head)) + head + b"".join(bodies),
    }


def _normal(
    draw: np.random.Generator, shape: tuple[int, ...], deviation: float
) -> NDArray[np.float32]:
    return draw.normal(0.0, deviation, shape).astype("f4")

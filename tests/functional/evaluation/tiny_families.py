"""Random models of a few thousand weights, of the catalogue's families, over single bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3Config,
    Gemma3TextConfig,
    Qwen3Config,
    SiglipVisionConfig,
    SmolLM3Config,
)

FAMILIES = ("llama", "gemma3", "gemma3-seeing", "qwen3", "smollm3")
WINDOW = 24
_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "vocab_size": 258,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": None,
    "initializer_range": 0.5,
}


def tiny_family(family: str, llama: Path, folder: Path) -> Path:
    """A folder with the model of `family` and the tokenizer of the tiny Llama in `llama`.

    `gemma3-seeing` has a vision tower beside its text. Gemma's sliding window of `WINDOW` tokens is
    in three of four layers.
    """
    if family == "llama":
        return llama
    shutil.copytree(llama, folder, ignore=shutil.ignore_patterns("*.safetensors", "*config.json"))
    shutil.copy(llama / "tokenizer_config.json", folder)
    torch.manual_seed(0)
    gemma = {
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "sliding_window": WINDOW,
        "layer_types": ["sliding_attention"] * 2 + ["full_attention", "sliding_attention"],
    }
    seeing = SiglipVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    config = {
        "gemma3": lambda: Gemma3TextConfig(**_SIZES, **gemma),
        "gemma3-seeing": lambda: Gemma3Config(
            text_config=_SIZES | gemma | {"tie_word_embeddings": False},
            vision_config=seeing.to_dict(),
            tie_word_embeddings=False,
        ),
        "qwen3": lambda: Qwen3Config(**_SIZES, head_dim=8),
        "smollm3": lambda: SmolLM3Config(**_SIZES),
    }[family]()
    model = AutoModelForCausalLM.from_config(config)
    if family == "gemma3-seeing":
        # Its own small weights would say the same token for ever.
        for weight in model.parameters():
            if weight.dim() == 2:
                torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    return folder

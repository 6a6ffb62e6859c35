"""Models of the catalogue's sizes with random weights: enough for time and memory, not for scores.

The folder that is made is what a user's download looks like, so that everything measured goes the
way that a run goes.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers import models as tokenizer_models
from transformers import (
    AutoModelForCausalLM,
    Gemma3Config,
    Gemma3TextConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    SmolLM3Config,
)

from ptb_lite.catalog.entries import ModelEntry

GEMMA_VISION = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
}
WORDS = 1000


def model_config(entry: ModelEntry) -> Any:
    """The transformers config that the catalogue's numbers describe."""
    numbers = {
        "vocab_size": entry.vocabulary,
        "hidden_size": entry.hidden,
        "intermediate_size": entry.intermediate,
        "num_hidden_layers": entry.layers,
        "num_attention_heads": entry.heads,
        "num_key_value_heads": entry.kv_heads,
        "head_dim": entry.head_dim,
        "max_position_embeddings": entry.context,
        "tie_word_embeddings": entry.tied_embeddings,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 1,
    }
    if entry.chat_family == "qwen3":
        return Qwen3Config(**numbers)
    if entry.chat_family == "smollm":
        kind = SmolLM3Config if entry.id.startswith("smollm3") else LlamaConfig
        return kind(**numbers)
    # Not in the catalogue, since memory does not depend on it; the real models' windows.
    numbers["sliding_window"] = 1024 if entry.id.startswith("gemma-3-4b") else 512
    if entry.id.startswith("gemma-3-4b"):
        return Gemma3Config(text_config=numbers, vision_config=GEMMA_VISION)
    return Gemma3TextConfig(**numbers)


def make_model(entry: ModelEntry, folder: Path) -> Path:
    """Write config, weights (bfloat16) and a tokenizer of `WORDS` words into `folder`."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            model = AutoModelForCausalLM.from_config(model_config(entry))
    finally:
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder, max_shard_size="20GB")
    tokenizer().save_pretrained(folder)
    del model
    torch.cuda.empty_cache()
    return folder


def tokenizer() -> PreTrainedTokenizerFast:
    """Words w2 ... are tokens 2 ...: as many words, as many tokens."""
    words = {"<pad>": 0, "<eos>": 1} | {f"w{i}": i for i in range(2, WORDS)}
    raw = Tokenizer(tokenizer_models.WordLevel(words, unk_token="<eos>"))
    from tokenizers import pre_tokenizers

    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>", pad_token="<pad>")


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)

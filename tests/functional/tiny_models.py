"""Random models of a few thousand weights over single bytes, each with its tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

# Of every tokenizer here.
PAD, EOS, BOS = 0, 1, 2


def byte_tokenizer(folder: Path, *, bos: bool = False) -> int:
    """Leave a byte-level tokenizer with <pad>, <eos> and, where asked for, <bos> in `folder`.

    Returns the number of its words.
    """
    special = {"pad_token": "<pad>", "eos_token": "<eos>"}
    if bos:
        special["bos_token"] = "<bos>"
    words = [*special.values(), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    vocabulary = {word: number for number, word in enumerate(words)}
    raw = Tokenizer(models.BPE(vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=raw, **special).save_pretrained(folder)
    return len(vocabulary)


def tiny_llama(folder: Path) -> Path:
    """In float32, its two layers large enough that its completions differ from prompt to prompt."""
    sizes = {
        "vocab_size": byte_tokenizer(folder),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
    }
    torch.manual_seed(0)
    config = LlamaConfig(
        **sizes, pad_token_id=PAD, eos_token_id=EOS, bos_token_id=None, initializer_range=0.5
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def tiny_gemma3(folder: Path, *, hidden: int, bos: bool = False, **settings: Any) -> Path:
    """Two layers of Gemma 3 in bfloat16, its other sizes in proportion to `hidden`.

    `settings` are those of its config.
    """
    words = byte_tokenizer(folder, bos=bos)
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        vocab_size=words,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=hidden // 2,
        max_position_embeddings=512,
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=BOS if bos else None,
        **settings,
    )
    Gemma3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder

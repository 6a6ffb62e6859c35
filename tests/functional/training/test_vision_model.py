"""A base model that also sees (as Gemma 3 4B does): its text is trained, the result scored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, Gemma3Config, Gemma3ForConditionalGeneration

from ptb_lite.evaluation.engine.model_loading import load_model
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.progress import Reporter
from ptb_lite.training.train import train


@pytest.fixture
def seeing(tiny_gemma: Path, tmp_path: Path) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(tiny_gemma)
    text = {
        "vocab_size": len(tokenizer) + 3,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    words = {name: len(tokenizer) + at for at, name in enumerate(("image", "boi", "eoi"))}
    ids = {
        f"{name}_token_id" if name == "image" else f"{name}_token_index": n
        for name, n in words.items()
    }
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, **ids)
    folder = tmp_path / "seeing"
    Gemma3ForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_trained_and_loaded_for_evaluation(seeing: Path, sums: Path, tmp_path: Path) -> None:
    output = tmp_path / "adapter"
    config = TrainingConfig(base_model=seeing, data=sums, output=output, steps=2, batch_size=4)
    train(config, Reporter(as_json=True))
    names = load_file(output / "adapter_model.safetensors").keys()
    assert names
    assert not [name for name in names if "vision" in name]
    # In bfloat16 an adapter runs beside the base, in float32 it is merged.
    beside = load_model(seeing, output, dtype="bfloat16", device="cpu").state_dict()
    adapted = [name for name in beside if "lora_" in name]
    assert adapted
    assert not [name for name in adapted if "vision" in name]
    base = load_model(seeing, None, dtype="float32", device="cpu")
    merged = load_model(seeing, output, dtype="float32", device="cpu")
    before, after = base.state_dict(), merged.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not [name for name in changed if "vision" in name]

"""GGUF to safetensors on a small file written here."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from ptb_lite.catalog import gguf_conversion

HIDDEN, HEADS, FEED_FORWARD = 64, 2, 96
TOKENS = ["<pad>", "<eos>", *bytes_to_unicode().values(), "ab"]


def tensors() -> dict[str, np.ndarray]:
    """A one-layer Llama in llama.cpp's names, float32."""
    random = np.random.default_rng(0)
    shapes = {
        "token_embd.weight": (len(TOKENS), HIDDEN),
        "output_norm.weight": (HIDDEN,),
        "blk.0.attn_norm.weight": (HIDDEN,),
        "blk.0.attn_q.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_k.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_v.weight": (HIDDEN, HIDDEN),
        "blk.0.attn_output.weight": (HIDDEN, HIDDEN),
        "blk.0.ffn_norm.weight": (HIDDEN,),
        "blk.0.ffn_gate.weight": (FEED_FORWARD, HIDDEN),
        "blk.0.ffn_up.weight": (FEED_FORWARD, HIDDEN),
        "blk.0.ffn_down.weight": (HIDDEN, FEED_FORWARD),
    }
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_gguf(path: Path, weights: dict[str, np.ndarray]) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3] + [1] * (len(TOKENS) - 2))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(0)
    for name, value in weights.items():
        packed = name.endswith("ffn_up.weight")
        kind = gguf.GGMLQuantizationType.Q8_0 if packed else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quantize(value, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(autouse=True)
def reader_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf, "GGUFReader", gguf.GGUFReader)


def test_converts_weights_config_and_tokenizer(tmp_path: Path) -> None:
    weights = tensors()
    write_gguf(tmp_path / "tiny.gguf", weights)
    gguf_conversion.convert(tmp_path / "tiny.gguf", tmp_path / "out")
    saved = load_file(tmp_path / "out" / "model.safetensors")
    assert {value.dtype for value in saved.values()} == {torch.bfloat16}
    embedding = torch.from_numpy(weights["token_embd.weight"]).bfloat16()
    assert torch.equal(saved["model.embed_tokens.weight"], embedding)
    unpacked = saved["model.layers.0.mlp.up_proj.weight"].float().numpy()
    assert np.abs(unpacked - weights["blk.0.ffn_up.weight"]).max() < 0.05
    assert "quantization_config" not in json.loads((tmp_path / "out" / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "out"))
    assert tokenizer.decode(tokenizer("a+b = c")["input_ids"]) == "a+b = c"
    model = AutoModelForCausalLM.from_pretrained(str(tmp_path / "out"))
    assert model(torch.tensor([[5, 6]])).logits.isfinite().all()


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_refuses_a_file_whose_tensors_do_not_fit(tmp_path: Path, change: str) -> None:
    weights = tensors()
    if change == "missing":
        del weights["blk.0.ffn_down.weight"]
    else:
        weights["blk.0.ffn_down.weight"] = weights["blk.0.ffn_down.weight"][:, :32]
    write_gguf(tmp_path / "tiny.gguf", weights)
    with pytest.raises(ValueError, match="down_proj"):
        gguf_conversion.convert(tmp_path / "tiny.gguf", tmp_path / "out")

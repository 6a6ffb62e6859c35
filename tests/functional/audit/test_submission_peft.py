"""Adapters as PEFT really writes them, for a tiny model of the same architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.audit.detectors.submission import validate_submission

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "base"
    config = transformers.Gemma3TextConfig(
        vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8,
    )  # fmt: skip
    model = transformers.Gemma3ForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def adapter(base: Path, folder: Path, **options: Any) -> Path:
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    chosen = {"r": 4, "target_modules": ["q_proj", "v_proj", "down_proj"], **options}
    peft.get_peft_model(model, peft.LoraConfig(**chosen)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {"task_type": "CAUSAL_LM"},
        {},  # without task_type PEFT writes auto_mapping
        {"target_modules": "all-linear", "use_rslora": True},
        {"use_dora": True},
        {"lora_bias": True},
        {"rank_pattern": {"q_proj": 8}},
        {"target_modules": ["q_proj", "embed_tokens"]},
        {"modules_to_save": ["embed_tokens"]},
        {"modules_to_save": ["lm_head"]},
        {"modules_to_save": ["norm"]},
    ],
    ids=str,
)
def test_honest_adapters_are_valid(base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    folder = adapter(base, tmp_path / "final_model", **options)
    check = validate_submission(folder, base_model=base)
    assert (check.valid, check.reason) == (True, "")
    assert check.files == ("adapter_config.json", "adapter_model.safetensors")


def test_adapter_of_another_base_is_refused_by_name_and_by_shape(
    base: Path, tmp_path: Path
) -> None:
    folder = adapter(base, tmp_path / "final_model")
    other = tmp_path / "other"
    config = transformers.Gemma3TextConfig(
        vocab_size=64, hidden_size=24, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8,
    )  # fmt: skip
    transformers.Gemma3ForCausalLM(config).save_pretrained(other)
    assert validate_submission(folder, base_model=other).problem == "wrong base"
    path = folder / "adapter_config.json"
    claim = json.loads(path.read_text())
    path.write_text(json.dumps({**claim, "base_model_name_or_path": str(other)}))
    assert validate_submission(folder, base_model=other).problem == "wrong shape"


def test_a_whole_model_is_not_an_adapter(base: Path) -> None:
    check = validate_submission(base, base_model=base)
    assert check.problem == "not an adapter"
    assert "--submission full" in check.reason

"""What is scored is what PEFT loads: equal logits for every kind of configuration it can save."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from ptb_lite.audit.weights.adapter import REFUSED, UNUSED, AdapterConfig
from ptb_lite.evaluation.engine.model_loading import (
    check_fit,
    load_base,
    load_model,
    merge_into,
)
from ptb_lite.evaluation.errors import InvalidSubmissionError
from ptb_lite.evaluation.submission import check_submission, read_submission
from ptb_lite.evaluation.vllm.model_folder import LEAST_KEPT
from tests.functional.tiny_models import tiny_gemma3

TOKENS = torch.arange(3, 43).reshape(2, 20)
# Of the logits' norm.
TOLERANCE = {"float32": 1e-4, "bfloat16": 1e-2}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Gemma 3 shares its embedding with lm_head and scales it; this Llama does neither."""
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.1, attention_bias=True,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(llama := tmp_path_factory.mktemp("llama"))
    return {"gemma": tiny_gemma3(tmp_path_factory.mktemp("gemma"), hidden=32), "llama": llama}


def fresh(base: Path, dtype: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype)).eval()


def train(base: Path, folder: Path, dtype: str, noise: float, **options: Any) -> Path:
    """An adapter as PEFT saves it after training has moved every trainable weight."""
    torch.manual_seed(1)
    config = peft.LoraConfig(task_type="CAUSAL_LM", **{"r": 4, "lora_alpha": 8, **options})
    model = peft.get_peft_model(fresh(base, dtype), config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(noise * weight.std().nan_to_num(0.1).clamp_min(0.05) *
                            torch.randn_like(weight))  # fmt: skip
    model.save_pretrained(folder)
    return folder


def difference(base: Path, folder: Path, dtype: str) -> tuple[float, float]:
    """Of the logits that PEFT's loading gives: how far ours lie from them, and the base's."""
    theirs = peft.PeftModel.from_pretrained(fresh(base, dtype), folder).eval()
    ours = load_model(base, folder, dtype=dtype, device="cpu")  # type: ignore[arg-type]
    ours.tie_weights()  # as lm-eval does before it asks
    with torch.no_grad():
        expected = theirs(TOKENS).logits.float()
        found = ours(TOKENS).logits.float()
        untouched = fresh(base, dtype)(TOKENS).logits.float()
    size = float(expected.norm())
    return float((found - expected).norm()) / size, float((expected - untouched).norm()) / size


KINDS: dict[str, dict[str, Any]] = {
    "plain": {"target_modules": ["q_proj", "v_proj"]},
    "regex": {"target_modules": r".*layers\.1\.(self_attn|mlp)\.(q|down)_proj"},
    "all-linear": {"target_modules": "all-linear", "use_rslora": True},
    "default targets": {},
    "exclude": {"target_modules": ["q_proj", "o_proj"], "exclude_modules": r".*\.0\.self_attn\..*"},
    "rank_pattern": {
        "target_modules": "all-linear",
        "rank_pattern": {r".*\.1\.self_attn\.[qk]_proj": 8, "down_proj": 2},
        "alpha_pattern": {r"^model\.layers\.0\..*": 32},
    },
    "layers": {
        "target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers",
    },
    "dora": {"target_modules": ["q_proj", "up_proj"], "use_dora": True},
    "dora on embeddings": {"target_modules": ["embed_tokens", "q_proj"], "use_dora": True},
    "olora": {"target_modules": ["q_proj", "up_proj"], "init_lora_weights": "olora"},
    "pissa": {"target_modules": ["q_proj", "up_proj"], "init_lora_weights": "pissa"},
    "pissa on the head": {"target_modules": ["lm_head"], "init_lora_weights": "pissa"},
    "pissa and dora": {
        "target_modules": ["q_proj"], "init_lora_weights": "pissa", "use_dora": True,
    },
    "gaussian": {"target_modules": ["q_proj"], "init_lora_weights": "gaussian"},
    "orthogonal": {"target_modules": ["q_proj"], "init_lora_weights": "orthogonal"},
    "mica": {"target_modules": ["q_proj"], "init_lora_weights": "mica"},
    "head": {"target_modules": ["lm_head", "q_proj"]},
    "embeddings": {"target_modules": ["embed_tokens"]},
    "head and embeddings": {"target_modules": ["embed_tokens", "lm_head", "v_proj"]},
    "tied": {"target_modules": ["embed_tokens", "q_proj"], "ensure_weight_tying": True},
    "saved head": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "saved embeddings": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    "saved tied": {
        "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"],
        "ensure_weight_tying": True,
    },
    "saved norm": {"target_modules": ["q_proj"], "modules_to_save": ["norm"]},
    "tokens": {"target_modules": ["q_proj"], "trainable_token_indices": [3, 5, 9]},
    "tokens by name": {
        "target_modules": ["q_proj"], "trainable_token_indices": {"embed_tokens": [4]},
    },
    "lora bias": {"target_modules": ["q_proj", "down_proj"], "lora_bias": True},
    "bias": {"target_modules": ["q_proj"], "bias": "lora_only"},
    "all biases": {"target_modules": ["q_proj"], "bias": "all"},
    "high rank": {"target_modules": ["q_proj"], "r": 2048, "lora_alpha": 4096},
}  # fmt: skip


# In the fast tests each kind in one precision and on one of the two, in turns.
MEMBERS = [
    pytest.param(
        *(kind, name, dtype),
        marks=() if dtype == "float32" and (number + turn) % 2 == 0 else pytest.mark.slow,
    )
    for number, kind in enumerate(KINDS)
    for turn, name in enumerate(("gemma", "llama"))
    for dtype in TOLERANCE
]


@pytest.mark.parametrize(("kind", "name", "dtype"), MEMBERS)
def test_every_kind_is_scored_as_peft_loads_it(
    bases: dict[str, Path], tmp_path: Path, name: str, kind: str, dtype: str
) -> None:
    folder = train(bases[name], tmp_path / "adapter", dtype, 1.0, **KINDS[kind])
    assert not read_submission(folder, bases[name]).reason
    apart, changed = difference(bases[name], folder, dtype)
    assert changed > 1.4 * TOLERANCE[dtype], "the adapter changes too little to tell"
    assert apart < TOLERANCE[dtype]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["gemma", "llama"]),
    targets=st.sets(
        st.sampled_from(["q_proj", "v_proj", "down_proj", "lm_head", "embed_tokens"]), min_size=1
    ),
    start=st.sampled_from([True, "pissa", "olora", "gaussian", "mica"]),
    dora=st.booleans(),
    rslora=st.booleans(),
    saved=st.sampled_from([None, ["norm"], ["lm_head"], ["embed_tokens"]]),
    tied=st.booleans(),
    bias=st.sampled_from(["none", "all", "lora_only"]),
    ranks=st.sampled_from([{}, {"q_proj": 7}, {r".*1.*v_proj": 1, "lm_head": 3}]),
)
def test_any_mixture_is_scored_as_peft_loads_it_or_refused_by_peft_itself(
    bases: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, name: str,
    targets: set[str], start: bool | str, dora: bool, rslora: bool, saved: list[str] | None,
    tied: bool, bias: str, ranks: dict[str, int],
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("adapter")
    try:
        train(
            bases[name], folder, "float32", 1.0, target_modules=sorted(targets), use_dora=dora,
            init_lora_weights=start, use_rslora=rslora, bias=bias,
            modules_to_save=list(saved or ()) or None,
            ensure_weight_tying=tied, rank_pattern=ranks,
        )  # fmt: skip
        peft.PeftModel.from_pretrained(fresh(bases[name], "float32"), folder)
    except (ValueError, RuntimeError, KeyError, AttributeError, TypeError):
        assume(False)
    assert not read_submission(folder, bases[name]).reason
    apart, _ = difference(bases[name], folder, "float32")
    assert apart < TOLERANCE["float32"]


def test_every_field_of_pefts_configuration_is_accounted_for() -> None:
    known = {*AdapterConfig.model_fields, *REFUSED, *UNUSED}
    assert {field.name for field in dataclasses.fields(peft.LoraConfig)} == known


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target_modules": ["k_proj"]}, "does not fit the base model"),
        ({"target_modules": ["q_proj", "v_proj"]}, "missing"),
        ({"target_modules": "("}, "does not fit the base model"),
        ({"modules_to_save": ["norm"]}, "does not fit the base model"),
        ({"rank_pattern": {"q_proj": 8}}, "does not fit the base model"),
        ({"init_lora_weights": "pissa_niter_4"}, "path_initial_model_for_weight_conversion"),
        ({"layer_replication": [[0, 1], [0, 2]]}, "layer_replication is not accepted"),
        ({"target_parameters": ["mlp.experts"]}, "target_parameters is not accepted"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_before_the_seal_and_said_once(
    bases: dict[str, Path], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    folder = train(bases["llama"], tmp_path / "adapter", "float32", 1.0, target_modules=["q_proj"])
    edit(folder, **changes)
    with pytest.raises(InvalidSubmissionError) as raised:
        load_model(bases["llama"], folder, dtype="float32", device="cpu")
    assert said in raised.value.message
    read = read_submission(folder)
    if read.valid:
        with pytest.raises(InvalidSubmissionError) as found:
            check_fit(bases["llama"], folder)
        assert found.value.message == raised.value.message
    else:
        assert read.reason == raised.value.message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"rank_pattern": {"q_proj": 8}}, "does not fit the base model"),
        pytest.param({"target_modules": r"(([\w.]+)+)+!"}, "longer than", marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_whether_it_fits_is_asked_in_a_process_under_limits(
    bases: dict[str, Path], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    folder = train(bases["llama"], tmp_path / "adapter", "float32", 1.0, target_modules=["q_proj"])
    edit(folder, **changes)
    seconds = 20.0 if said == "longer than" else 300.0
    check = check_submission(folder, bases["llama"], seconds=seconds)
    assert said in check.reason
    assert check.valid == (not said)


@pytest.mark.parametrize("name", ["gemma", "llama"])
def test_an_update_below_the_precision_of_the_weights_is_scored_and_not_rounded_away(
    bases: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """A few minutes of training move a weight by a thousandth; bfloat16 keeps eight bits of it."""
    folder = train(bases[name], tmp_path / "a", "bfloat16", 1.0, target_modules="all-linear")
    file = folder / "adapter_model.safetensors"
    weights = load_file(file)
    save_file({k: v * (2e-3 if "lora_B" in k else 1) for k, v in weights.items()}, file)
    _, kept = merge_into(load_base(bases[name], dtype="bfloat16", device="cpu"), folder)
    assert kept < LEAST_KEPT
    assert difference(bases[name], folder, "bfloat16")[0] < TOLERANCE["bfloat16"]
    whole = train(bases[name], tmp_path / "b", "bfloat16", 1.0, target_modules="all-linear")
    assert merge_into(load_base(bases[name], dtype="bfloat16", device="cpu"), whole)[1] > 0.99

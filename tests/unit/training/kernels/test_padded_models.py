"""Each kind of model for which batches may be laid end to end gives the padded model's numbers."""

from __future__ import annotations

import pytest
import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from ptb_lite.training.kernels.flat_batch import flatten
from ptb_lite.training.kernels.padded_attention import NAME
from ptb_lite.training.planning.capability import model_shape
from ptb_lite.training.planning.choices import PADDING_FREE_MODELS
from tests.unit.training.small_models import SIZES, padded_batch


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", sorted(PADDING_FREE_MODELS))
def test_hidden_states_and_gradients_are_the_padded_ones(kind: str, checkpointing: bool) -> None:
    torch.manual_seed(0)
    config = CONFIG_MAPPING[kind](**SIZES)
    needs = model_shape(config).needs
    assert (needs.model_type, needs.obstacle, needs.flash) == (kind, None, True)
    model = AutoModelForCausalLM.from_config(config).train()
    if checkpointing:
        model.gradient_checkpointing_enable()
    inputs = padded_batch()
    mask = inputs["attention_mask"].bool()
    padded = model.model(input_ids=inputs["input_ids"], attention_mask=mask, use_cache=False)
    theirs = padded.last_hidden_state[mask]
    weights = torch.randn_like(theirs)
    theirs_down = torch.autograd.grad((theirs * weights).sum(), list(model.model.parameters()))
    model.set_attn_implementation(NAME)
    flat = flatten(inputs)
    ours = model.model(**flat.model_inputs, use_cache=False).last_hidden_state[0]
    ours_down = torch.autograd.grad((ours * weights).sum(), list(model.model.parameters()))
    assert torch.allclose(ours, theirs, atol=1e-4)
    for one, other in zip(ours_down, theirs_down, strict=True):
        assert torch.allclose(one, other, atol=1e-3)

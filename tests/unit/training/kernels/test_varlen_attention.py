"""Attention by torch's flash kernel: what it is called with, what is refused, and on a card the
numbers. Without one the kernel is replaced by one that does what its documentation says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

from ptb_lite.training.kernels.flat_batch import flatten
from ptb_lite.training.kernels.varlen_attention import NAME, varlen_attention
from ptb_lite.training.planning.capability import cuda_software
from ptb_lite.training.planning.choices import PADDING_FREE_MODELS
from tests.unit.training.small_models import SIZES, padded_batch

LAYER = SimpleNamespace()
WINDOW = 5
LAYERS = ["sliding_attention", "full_attention"] * 2
CARD = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA card here")


@dataclass
class Documented:
    """`varlen_attn` as torch documents it: [N, H, D], int32 bounds, window (left, right)."""

    windows: list[tuple[int, int]] = field(default_factory=list)

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        cu_seq_q: torch.Tensor,
        cu_seq_k: torch.Tensor,
        max_q: int,
        max_k: int,
        *,
        scale: float | None = None,
        window_size: tuple[int, int] = (-1, -1),
        enable_gqa: bool = False,
    ) -> torch.Tensor:
        assert query.ndim == key.ndim == value.ndim == 3
        assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
        assert enable_gqa
        bounds = cu_seq_q.tolist()
        assert bounds == cu_seq_k.tolist()
        assert bounds[-1] == len(query) == len(key) == len(value)
        assert max_q == max_k == max(end - start for start, end in pairwise(bounds))
        self.windows.append(window_size)
        return torch.cat(
            [
                self._one([x[start:end] for x in (query, key, value)], scale, window_size)
                for start, end in pairwise(bounds)
            ]
        )

    def _one(
        self, states: list[torch.Tensor], scale: float | None, window: tuple[int, int]
    ) -> torch.Tensor:
        length = len(states[0])
        back = torch.arange(length)[:, None] - torch.arange(length)
        left, right = window
        seen = (back >= -right) if right >= 0 else torch.ones_like(back, dtype=torch.bool)
        if left >= 0:
            seen = seen & (back <= left)
        out = scaled_dot_product_attention(
            *(x.transpose(0, 1)[None] for x in states), attn_mask=seen, scale=scale, enable_gqa=True
        )
        return out[0].transpose(0, 1)


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[Documented]:
    kernel = Documented()
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    yield kernel
    assert kernel.windows, "it was never called: this shows nothing"


def made(kind: str) -> Any:
    torch.manual_seed(0)
    windowed = {"sliding_window": WINDOW, "layer_types": LAYERS}
    extra = windowed if kind == "gemma3_text" else {}
    return AutoModelForCausalLM.from_config(CONFIG_MAPPING[kind](**SIZES, **extra)).train()


def results(
    model: Any, inputs: dict[str, torch.Tensor], attention: str
) -> tuple[torch.Tensor, ...]:
    """Hidden states of the batch's tokens and gradients: padded, or by `NAME` end to end."""
    mask = inputs["attention_mask"].bool()
    model.set_attn_implementation(attention)
    if attention == NAME:
        given = flatten(inputs).model_inputs
        states = model.model(**given, use_cache=False).last_hidden_state[0]
    else:
        given = {"input_ids": inputs["input_ids"], "attention_mask": mask}
        states = model.model(**given, use_cache=False).last_hidden_state[mask]
    torch.manual_seed(1)
    weights = torch.randn(states.shape).to(states)
    return states, *torch.autograd.grad((states * weights).sum(), list(model.model.parameters()))


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", sorted(PADDING_FREE_MODELS))
def test_the_padded_numbers_windows_included(
    kind: str, checkpointing: bool, documented: Documented
) -> None:
    model = made(kind)
    if checkpointing:
        model.gradient_checkpointing_enable()
    theirs, ours = (results(model, padded_batch(), name) for name in ("sdpa", NAME))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-3)
    whole, windowed = (-1, 0), (WINDOW - 1, 0)
    assert set(documented.windows) == ({whole, windowed} if kind == "gemma3_text" else {whole})


def test_a_window_no_shorter_than_every_example_is_none(documented: Documented) -> None:
    states = [torch.randn(1, heads, 7, 8) for heads in (4, 2, 2)]
    bounds = torch.tensor([0, 4, 7], dtype=torch.int32)
    for window in (None, 0, 4, 3):
        varlen_attention(
            LAYER, *states, None, sliding_window=window, cu_seq_lens_q=bounds, max_length_q=4
        )
    assert documented.windows == [(-1, 0)] * 3 + [(2, 0)]


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({}, "not padding-free"),
        ({"cu_seq_lens_q": torch.tensor([0, 7])}, "not padding-free"),
        ({"cu_seq_lens_q": torch.tensor([0, 7]), "dropout": 0.1}, "no dropout"),
    ],
)
def test_refuses_what_it_would_compute_wrongly(settings: dict[str, Any], because: str) -> None:
    rows = 2 if because != "no dropout" and settings else 1
    states = [torch.randn(rows, heads, 7, 8) for heads in (4, 2, 2)]
    with pytest.raises(ValueError, match=because):
        varlen_attention(LAYER, *states, None, **settings)


def test_the_kernel_that_is_replaced_here_takes_the_same_arguments() -> None:
    theirs = inspect.signature(varlen.varlen_attn).parameters
    ours = list(inspect.signature(Documented.__call__).parameters)[1:]
    assert set(ours) <= set(theirs)
    assert ours[:7] == list(theirs)[:7]


def test_the_torch_that_is_required_has_it() -> None:
    assert cuda_software().varlen


@CARD
@pytest.mark.parametrize("kind", sorted(PADDING_FREE_MODELS))
def test_on_a_card_as_close_to_float32_as_padded(kind: str) -> None:
    """The kernel itself, bfloat16: its distance to float32 beside that of torch's padded one."""
    model, inputs = made(kind).cuda(), padded_batch("cuda")
    exact = results(model, inputs, "sdpa")
    model = model.to(torch.bfloat16)
    padded, ours = (results(model, inputs, name) for name in ("sdpa", NAME))
    for truth, one, other in zip(exact, padded, ours, strict=True):
        allowed = 2 * (one.float() - truth).norm() + 1e-3 * truth.norm()
        assert (other.float() - truth).norm() < allowed

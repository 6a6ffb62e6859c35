"""Attention by rows against torch's own, and that it refuses what it does not do."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from ptb_lite.training.kernels.flat_batch import flatten
from ptb_lite.training.kernels.padded_attention import padded_attention

LAYER = SimpleNamespace(head_dim=8)
BOUNDS = [0, 5, 6, 13]


def states(dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    return tuple(
        torch.randn(1, heads, BOUNDS[-1], 8, dtype=dtype, requires_grad=True) for heads in (6, 2, 2)
    )


def expected(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    rows = [
        scaled_dot_product_attention(
            *(x[:, :, start:end].float() for x in (query, key, value)),
            is_causal=True,
            scale=0.3,
            enable_gqa=True,
        )
        for start, end in pairwise(BOUNDS)
    ]
    return torch.cat(rows, 2).transpose(1, 2)


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_as_torch_attends_forward_and_back(dtype: torch.dtype, error: float) -> None:
    given = states(dtype)
    ours, nothing = padded_attention(
        LAYER, *given, None, scaling=0.3, cu_seq_lens_q=torch.tensor(BOUNDS), max_length_q=7
    )
    assert nothing is None
    theirs = expected(*given)
    assert torch.allclose(ours.float(), theirs, atol=error)
    weights = torch.randn_like(theirs)
    ours_down = torch.autograd.grad((ours * weights).sum(), given)
    theirs_down = torch.autograd.grad((theirs * weights).sum(), given)
    for one, other in zip(ours_down, theirs_down, strict=True):
        assert torch.allclose(one.float(), other.float(), atol=3 * error)


def test_no_token_sees_another_example() -> None:
    query, key, value = states(torch.float32)
    out, _ = padded_attention(LAYER, query, key, value, None, cu_seq_lens_q=torch.tensor(BOUNDS))
    (down,) = torch.autograd.grad(out[:, 6:].sum(), value)
    assert not down[:, :, :6].any()
    assert down[:, :, 6:].all()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"cu_seq_lens_q": torch.tensor(BOUNDS), "dropout": 0.1},
        {"cu_seq_lens_q": torch.tensor(BOUNDS), "max_length_q": 7, "sliding_window": 6},
    ],
)
def test_refuses_what_it_would_compute_wrongly(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"padding-free|dropout"):
        padded_attention(LAYER, *states(torch.float32), None, **settings)  # type: ignore[arg-type]


def test_a_padded_batch_made_flat_in_few_sizes() -> None:
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0]])
    labels = torch.where(mask == 1, 7, -100)
    batch = {"input_ids": mask * 7, "attention_mask": mask, "labels": labels}
    flat = flatten(batch, multiple=8, longest=6)
    given = flat.model_inputs
    assert given["input_ids"].tolist() == [[7] * 5 + [0] * 3]
    assert given["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1, 2]]
    assert given["cu_seq_lens_q"].tolist() == [0, 3, 5, 8]
    assert given["max_length_q"] == 8
    assert flat.targets.tolist() == [7, 7, -100, 7, -100, -100, -100, -100]


def test_a_padded_batch_made_flat() -> None:
    batch = {
        "input_ids": torch.tensor([[4, 5, 6, 0], [7, 8, 0, 0], [1, 2, 3, 9]]),
        "attention_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]]),
        "labels": torch.tensor([[-100, 5, 6, -100], [-100, 8, -100, -100], [-100, -100, 3, 9]]),
    }
    flat = flatten(batch)
    assert flat.model_inputs["input_ids"].tolist() == [[4, 5, 6, 7, 8, 1, 2, 3, 9]]
    assert flat.model_inputs["position_ids"].tolist() == [[0, 1, 2, 0, 1, 0, 1, 2, 3]]
    assert flat.model_inputs["cu_seq_lens_q"].tolist() == [0, 3, 5, 9]
    assert flat.model_inputs["max_length_k"] == 4
    assert flat.targets.tolist() == [5, 6, -100, 8, -100, -100, 3, 9, -100]

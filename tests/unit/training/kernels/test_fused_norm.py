"""The fused norms against transformers' own, forward and back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ptb_lite.training.kernels.fused_norm import FUSED, fuse_norms

KINDS = sorted(FUSED, key=lambda kind: kind.__name__)


def made(kind: Any, dtype: torch.dtype) -> Any:
    torch.manual_seed(0)
    norm = kind(24, eps=1e-3)
    norm.weight.data = torch.randn(24)
    return norm.to(dtype).requires_grad_(False)


def results(norm: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    out = norm(x)
    torch.manual_seed(1)
    (down,) = torch.autograd.grad(out, x, torch.randn_like(out))
    return out, down


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 8e-3)])
@pytest.mark.parametrize("kind", KINDS)
def test_as_transformers(kind: Any, dtype: torch.dtype, error: float) -> None:
    norm = made(kind, dtype)
    x = (3 * torch.randn(2, 5, 3, 24)).to(dtype).transpose(1, 2).requires_grad_()
    theirs = results(norm, x)
    names = list(norm.state_dict())
    assert fuse_norms(torch.nn.Sequential(norm)) == 1
    assert type(norm) is FUSED[kind]
    assert list(norm.state_dict()) == names
    for one, other in zip(results(norm, x), theirs, strict=True):
        assert one.dtype == other.dtype == dtype
        assert one.shape == other.shape
        assert torch.allclose(one.float(), other.float(), atol=error, rtol=10 * error)


def test_a_norm_that_is_trained_is_left_alone() -> None:
    norm = made(KINDS[0], torch.float32).requires_grad_(True)
    assert fuse_norms(torch.nn.Sequential(norm, torch.nn.LayerNorm(4))) == 0
    assert type(norm) is KINDS[0]

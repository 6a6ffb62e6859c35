"""However the layers run, compiled or not, the gradients are those of plain eager float32."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import Linear
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from ptb_lite.training import layers, supervised_head
from ptb_lite.training import train as train_module
from ptb_lite.training.base import load_base
from ptb_lite.training.batch_parts import BatchParts
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import read_examples
from ptb_lite.training.kernels import fused_lora
from ptb_lite.training.kernels.fused_lora import FusedLoraLinear
from ptb_lite.training.kernels.fused_norm import FUSED, FrozenNorm
from ptb_lite.training.planning.plan import TrainingPlan
from ptb_lite.training.train import make_trainer, tokenised
from tests.functional.training.gradients import compared, grouped_gradients
from tests.functional.training.stock import copy_adapter

PLAIN = TrainingPlan(
    device="cpu",
    dtype="float32",
    quantise=True,
    unpack_once=True,
    parts=1,
    reasons=(),
    fused=False,
)
WAYS = {
    "fused": {"fused": True},
    "packed": {"unpack_once": False},
    "packed, checkpointed": {"unpack_once": False, "checkpointed_layers": 2, "fused": True},
    "checkpointed": {"checkpointed_layers": 1, "fused": True},
    "parts": {"parts": 3, "fused": True},
    "padding-free": {"attention": "ptb_lite_padded", "padding_free": True, "fused": True},
    "compiled": {"compiled": True},
    "compiled, fused": {"compiled": True, "fused": True},
    "compiled, checkpointed": {"compiled": True, "fused": True, "checkpointed_layers": 1},
    "compiled, packed": {
        "compiled": True,
        "fused": True,
        "unpack_once": False,
        "checkpointed_layers": 1,
    },
}


@pytest.fixture(scope="module")
def tiny_qwen(tiny_gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(tiny_gemma)
    folder = tmp_path_factory.mktemp("qwen")
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Bench:
    """One model and one batch; trainers of any plan with the same adapter."""

    def __init__(self, model: Path, sums: Path, place: Path) -> None:
        self.place = place
        self.config = TrainingConfig(base_model=model, data=sums, output=place, steps=1)
        self.tokenizer, self.dataset = tokenised(self.config, read_examples(sums))
        self.plain = self.trainer(PLAIN)
        copy_adapter(self.plain)
        self.batch = next(iter(self.plain.get_train_dataloader()))
        self.exact = grouped_gradients(self.plain, self.batch)

    def trainer(self, plan: TrainingPlan, on_fallback: Any = None) -> Any:
        base = load_base(self.config.base_model, plan)

        def failed(reason: str) -> None:
            raise AssertionError(f"it was not compiled: {reason}")

        return make_trainer(
            self.config,
            plan,
            base,
            self.tokenizer,
            self.dataset,
            self.place,
            on_fallback or failed,
        )

    def wrong(self, plan: TrainingPlan) -> dict[str, Any]:
        trainer = self.trainer(plan)
        copy_adapter(self.plain, trainer, noise=0.0)
        found = compared(grouped_gradients(trainer, self.batch), self.exact)
        assert len(found) == 2 * 7 * 2
        return {group: off for group, off in found.items() if not off.within}


@pytest.fixture(scope="module", params=["tiny_gemma", "tiny_qwen"])
def bench(
    request: pytest.FixtureRequest, sums: Path, tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    model = request.getfixturevalue(request.param)
    return Bench(model, sums, tmp_path_factory.mktemp("gradients"))


@pytest.fixture(autouse=True)
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are captured and differentiated, but run by torch itself: a C++ compiler takes minutes
    on a busy machine. What the compiler makes of them is seen on a GPU (`scripts/gpu-check`)."""
    torch._dynamo.reset()
    monkeypatch.setattr(
        train_module, "set_up_layers", partial(layers.set_up_layers, backend="aot_eager")
    )
    monkeypatch.setattr(
        supervised_head,
        "_softmax_gradient",
        supervised_head._softmax_gradient._torchdynamo_orig_callable,
    )


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_those_of_plain_float32(bench: Bench, way: str) -> None:
    assert not bench.wrong(replace(PLAIN, **WAYS[way]))


def test_it_catches_norms_whose_gradient_is_wrong(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of `fused_norm` are under compile on torch 2.11: losses stay as they were."""

    def wrong(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, scale, inverse = ctx.saved_tensors
        return (grad.float() * scale * inverse).to(x.dtype), None, None

    monkeypatch.setattr(FrozenNorm, "backward", staticmethod(wrong))
    assert bench.wrong(replace(PLAIN, fused=True))


def without_input(*given: Any) -> torch.Tensor:
    """The adapters' formula with a backward pass that ends there, as a miscompiled one's is wrong
    from there on; forward is right."""
    return FORMULA(given[0].detach(), *given[1:])


FORMULA = fused_lora._formula


@pytest.mark.parametrize("bench", ["tiny_gemma"], indirect=True)
def test_fused_adapters_that_are_compiled_wrongly_are_undone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_lora, "_formula", without_input)
    trainer = bench.trainer(replace(PLAIN, compiled=True, fused=True))
    assert "cosine" in trainer.unfused
    assert not [m for m in trainer.model.modules() if type(m) is FusedLoraLinear]
    copy_adapter(bench.plain, trainer, noise=0.0)
    found = compared(grouped_gradients(trainer, bench.batch), bench.exact)
    assert all(off.within for off in found.values())


@pytest.mark.parametrize("bench", ["tiny_gemma"], indirect=True)
def test_layers_that_are_compiled_wrongly_run_eagerly(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Linear.forward

    def wrong(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        compiling = torch.compiler.is_compiling()
        out: torch.Tensor = plain(self, x.detach() if compiling else x, *args, **kwargs)
        return out

    monkeypatch.setattr(Linear, "forward", wrong)
    monkeypatch.setattr(fused_lora, "_formula", without_input)
    said: list[str] = []
    trainer = bench.trainer(replace(PLAIN, compiled=True, fused=True), said.append)
    assert len(said) == 1
    assert "compiled gradients are wrong" in said[0]
    assert trainer.unfused == ""
    copy_adapter(bench.plain, trainer, noise=0.0)
    found = compared(grouped_gradients(trainer, bench.batch), bench.exact)
    assert all(off.within for off in found.values())


@pytest.mark.parametrize("bench", ["tiny_gemma"], indirect=True)
def test_gradients_that_are_a_little_short_are_wrong(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PEFT's layers of Gemma 3 270M were, compiled: they trained 4 points worse."""
    plain = Linear.forward

    def short(self: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        if torch.compiler.is_compiling():
            x = 0.95 * x + (0.05 * x).detach()
        out: torch.Tensor = plain(self, x, *args, **kwargs)
        return out

    monkeypatch.setattr(Linear, "forward", short)
    said: list[str] = []
    bench.trainer(replace(PLAIN, compiled=True), said.append)
    assert "compiled gradients are wrong" in said[0]


@pytest.mark.parametrize("bench", ["tiny_gemma"], indirect=True)
def test_a_batch_that_is_halved_for_the_comparison_alone_trains_as_planned(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eager layers need more memory for a moment than the compiled ones that train."""
    plain = BatchParts._in_parts
    refused = []

    def in_parts(self: Any, model: Any, inputs: Any, items: Any, parts: int) -> Any:
        if not self.compiled and parts <= 2:
            refused.append(parts)
            raise torch.OutOfMemoryError
        return plain(self, model, inputs, items, parts)

    monkeypatch.setattr(BatchParts, "_in_parts", in_parts)
    trainer = bench.trainer(replace(PLAIN, compiled=True, fused=True))
    # As the plan does not count eager layers they begin with half of what it allows.
    assert set(refused) == {2}
    assert trainer.parts == 1
    assert trainer.unfused == ""


def test_fused_norms_stay_out_of_compiled_layers(bench: Bench) -> None:
    trainer = bench.trainer(replace(PLAIN, compiled=True, fused=True))
    assert not [m for m in trainer.model.modules() if type(m) in FUSED.values()]

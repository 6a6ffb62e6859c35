"""Whole weights that descend from a base model, and others that do not, made one after another.

Every model is a state in memory (tensor by name, as stored: bfloat16) with what it is in words. A
fine-tune is AdamW on all weights; its states are taken on the way at the steps of `Size.taken`. The
instruct counterpart is a fine-tune of the same base on other data, from another seed, and longer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ptb_lite.evaluation.engine import model_loading as models

RATES = (1e-5, 5e-5, 2e-4)
RANKS = (4, 8, 16, 64, 128, 256)
SHARES = (0.1, 0.3, 0.5, 0.9)
COUNTERPART_RATE = 1e-4

State = dict[str, Any]
"""Tensors by name."""
Rows = Sequence[tuple[str, str]]
"""Prompts and completions."""


@dataclass(frozen=True)
class Made:
    """`derived` says whether the weights descend from the base alone."""

    form: str
    what: str
    derived: bool
    state: State


@dataclass(frozen=True)
class Size:
    """How long the trainings are: rows of a step, tokens of a row, steps."""

    batch: int
    length: int
    taken: tuple[int, ...]
    """Steps at which a full fine-tune is submitted, rising."""
    adapter: int
    counterpart: int


SIZES = {
    "cpu": Size(batch=1, length=24, taken=(1, 3, 10, 30), adapter=10, counterpart=60),
    "cuda": Size(batch=16, length=64, taken=(1, 3, 10, 30, 100, 300), adapter=100, counterpart=600),
}
"""By device: what a CPU makes in half an hour, and what a GPU makes in minutes."""


@dataclass(frozen=True)
class Ground:
    """The base model's folder, rows of the task, and rows of the counterpart's own data."""

    base: Path
    rows: Rows
    other_rows: Rows
    device: str = "cpu"

    @property
    def size(self) -> Size:
        return SIZES[self.device]

    def model(self) -> Any:
        return models.load_model(self.base, None, dtype="float32", device=self.device)


def base_state(base: Path) -> State:
    return stored(models.load_model(base, None, dtype="bfloat16", device="cpu"))


def stored(model: Any) -> State:
    tied = bool(getattr(model.config, "tie_word_embeddings", False))
    return {
        name: tensor.detach().to("cpu", torch.bfloat16, copy=True)
        for name, tensor in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }


def counterpart(ground: Ground) -> State:
    """The base's instruct version: a longer fine-tune of its own."""
    steps = (ground.size.counterpart,)
    *_, (_, state) = _tuned(
        ground.model(), ground, ground.other_rows, COUNTERPART_RATE, steps, seed=991
    )
    return state


def derived(ground: Ground, base: State) -> Iterator[Made]:
    """At least 30 that descend from the base alone."""
    kept: list[tuple[str, State]] = []
    taken = ground.size.taken
    for seed, rate in enumerate(RATES):
        for step, state in _tuned(ground.model(), ground, ground.rows, rate, taken, seed=seed):
            yield Made("full fine-tune", f"{step} steps at {rate:g}", True, state)
            if step in taken[-2:]:
                kept.append((f"{step} steps at {rate:g}", state))
    for rank in RANKS:
        what = f"rank {rank}, {ground.size.adapter} steps"
        yield Made("merged LoRA", what, True, _merged(ground, rank))
    for what, state in kept[1::2]:
        yield Made("quantised and back", f"8 bits a row, {what}", True, _each(state, _eight_bits))
        yield Made("quantised and back", f"4 bits in 64s, {what}", True, _each(state, _four_bits))
    for (one, first), (two, second) in ((kept[0], kept[3]), (kept[1], kept[5]), (kept[2], kept[4])):
        mean = mixed(first, second, 0.5)
        yield Made("averaged with another", f"{one} and {two}", True, mean)
    for factor in (0.5, 2.0, 3.0):
        what, state = kept[3]
        yield Made("scaled change", f"{factor:g} times {what}", True, mixed(base, state, factor))


def others(ground: Ground, base: State, instruct: State) -> Iterator[Made]:
    """At least 20 of the same architecture that do not descend from the base alone."""
    yield Made("the counterpart", "as it is", False, instruct)
    yield Made("the counterpart", "8 bits a row and back", False, _each(instruct, _eight_bits))
    yield Made("the counterpart", "4 bits in 64s and back", False, _each(instruct, _four_bits))
    model = ground.model()
    model.load_state_dict({k: v.float() for k, v in instruct.items()}, strict=False)
    tuned: State = {}
    taken = ground.size.taken
    for step, state in _tuned(model, ground, ground.rows, 5e-5, taken[1::2], seed=7):
        yield Made("a fine-tune of the counterpart", f"{step} steps at 5e-05", False, state)
        tuned = state
    for share in SHARES:
        state = mixed(base, instruct, share)
        yield Made("base and counterpart", f"{share:.0%} of the counterpart", False, state)
    *_, (_, fine) = _tuned(ground.model(), ground, ground.rows, 5e-5, taken[-2:-1], seed=8)
    for share in SHARES:
        state = mixed(fine, instruct, share)
        yield Made("own fine-tune and counterpart", f"{share:.0%} of it", False, state)
    yield Made("permuted", "neurons of the counterpart", False, _permuted(instruct, 1))
    yield Made("permuted", "neurons of its fine-tune", False, _permuted(tuned, 2))
    for factor in (2.0, 1.05):
        what = f"the counterpart's projections by {factor:g} and back"
        yield Made("re-scaled", what, False, _rescaled(instruct, factor))
    for rank in (16, 128):
        state = _low_rank(base, instruct, rank)
        yield Made("counterpart by SVD", f"rank {rank} of its change", False, state)
    yield Made("half of the layers", "every other one the counterpart's", False,
               {k: (instruct if _layer(k) % 2 else base)[k] for k in base})  # fmt: skip
    for seed in (1, 2):
        yield Made("another start", f"drawn anew, seed {seed}", False, _drawn(base, seed))


def mixed(first: State, second: State, share: float) -> State:
    """`first` plus `share` of the way to `second`."""
    return {
        k: (v.float() + share * (second[k].float() - v.float())).to(v.dtype)
        for k, v in first.items()
    }


def _tuned(
    model: Any, ground: Ground, rows: Rows, rate: float, taken: Sequence[int], *, seed: int
) -> Iterator[tuple[int, State]]:
    tokenizer = models.load_tokenizer(ground.base)
    source = random.Random(seed)
    model.train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, fused=True)
    for step in range(1, max(taken) + 1):
        texts = [f"{p}{c}" for p, c in source.sample(list(rows), ground.size.batch)]
        batch = tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=ground.size.length,
        ).to(ground.device)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        model(**batch, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step in taken:
            yield step, stored(model)


def _merged(ground: Ground, rank: int) -> State:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear")
    adapted = get_peft_model(ground.model(), config)
    for _ in _tuned(adapted, ground, ground.rows, 2e-4, (ground.size.adapter,), seed=rank):
        pass
    return stored(adapted.merge_and_unload())


def _each(state: State, change: Callable[[Any], Any]) -> State:
    return {
        k: change(v.float()).to(v.dtype) if v.dim() == 2 else v.clone() for k, v in state.items()
    }


def _eight_bits(weight: Any) -> Any:
    step = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
    return (weight / step).round() * step


def _four_bits(weight: Any) -> Any:
    blocks = weight.reshape(-1, 64)
    step = blocks.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 7
    return ((blocks / step).round() * step).reshape(weight.shape)


def _layer(name: str) -> int:
    parts = name.split(".")
    return int(parts[parts.index("layers") + 1]) if "layers" in parts else 0


def _permuted(state: State, seed: int) -> State:
    """The neurons of every feed-forward layer in another order: the same function."""
    made = {k: v.clone() for k, v in state.items()}
    for name in [k for k in made if k.endswith("mlp.down_proj.weight")]:
        order = torch.randperm(
            made[name].shape[1], generator=torch.Generator().manual_seed(seed + _layer(name))
        )
        made[name] = made[name][:, order]
        for part in ("gate_proj", "up_proj"):
            other = name.replace("down_proj", part)
            made[other] = made[other][order]
    return made


def _rescaled(state: State, factor: float) -> State:
    """Up by a factor and down by it: the same function."""
    scales = {"mlp.up_proj.weight": factor, "mlp.down_proj.weight": 1 / factor}
    return {
        k: (v.float() * next((s for end, s in scales.items() if k.endswith(end)), 1.0)).to(v.dtype)
        for k, v in state.items()
    }


def _low_rank(base: State, instruct: State, rank: int) -> State:
    made = {k: v.clone() for k, v in base.items()}
    for name, weight in base.items():
        if weight.dim() == 2 and "layers" in name:
            change = instruct[name].float() - weight.float()
            left, values, right = torch.svd_lowrank(change, q=min(rank, *change.shape), niter=2)
            made[name] = (weight.float() + (left * values) @ right.T).to(weight.dtype)
    return made


def _drawn(base: State, seed: int) -> State:
    source = torch.Generator().manual_seed(seed)
    return {
        k: (torch.randn(v.shape, generator=source) * v.float().std() + v.float().mean()).to(v.dtype)
        if v.dim() == 2
        else v.clone()
        for k, v in base.items()
    }

"""Caches of fixed size, as captured steps decode with, change no completion; the choice of them.

Graphs themselves need a GPU: `scripts/gpu-check --only decoding` compares them there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from ptb_lite.evaluation.engine import captured
from ptb_lite.evaluation.engine.captured import CapturedSteps, CaptureError, fixed_cache, next_stop
from ptb_lite.evaluation.engine.model_loading import load_model
from ptb_lite.evaluation.engine.prefix import empty_cache
from ptb_lite.evaluation.engine.step_choice import Choice, choose_steps, distance, tried
from tests.functional.evaluation.test_shared_prefix import (
    Forwards,
    drawn,
    followed,
    requests,
    stock,
)
from tests.functional.evaluation.tiny_families import FAMILIES, tiny_family


class Uncaptured:
    """Stands for captured steps where there is no GPU: steps run plainly, on fixed caches."""

    def __init__(self, *, broken: bool = False) -> None:
        self.forgotten = self.released = 0
        self._broken = broken

    def forget(self) -> None:
        self.forgotten += 1
        if self._broken:
            raise CaptureError("RuntimeError: operation not permitted while capturing")

    def release(self) -> None:
        self.released += 1


def on_fixed(folder: Path, rows: int, steps: Uncaptured) -> Any:
    lm = followed(folder, rows)
    lm._choice = Choice(cast("CapturedSteps", steps), "for a test")
    return lm


@pytest.mark.parametrize("family", FAMILIES)
def test_completions_are_those_of_lm_eval(
    family: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The cache grows twice, and prompts of one, and rows leave in between.
    monkeypatch.setattr(captured, "ROOM", 40)
    folder = tiny_family(family, tiny_model, tmp_path / "model")
    asked = requests(drawn(13), until=["ab"], max_gen_toks=180)
    steps = Uncaptured()
    lm = on_fixed(folder, 8, steps)
    seen = Forwards(lm.model)
    assert lm.generate_until(asked) == stock(folder, 8).generate_until(asked, disable_tqdm=True)
    assert steps.forgotten > 4
    assert len({rows for rows, columns in seen.shapes if columns == 1}) > 1


def test_a_short_answer_is_decoded_plainly(tiny_model: Path) -> None:
    steps = Uncaptured()
    asked = requests(drawn(5), max_gen_toks=captured.LEAST_STEPS - 1)
    assert on_fixed(tiny_model, 4, steps).generate_until(asked)
    assert steps.forgotten == 0


def test_rows_begin_again_where_capturing_breaks(tiny_model: Path) -> None:
    asked = requests(drawn(9), max_gen_toks=60, until=["\0"])
    steps = Uncaptured(broken=True)
    lm = on_fixed(tiny_model, 4, steps)
    warnings: list[str] = []
    lm._on_warning = warnings.append
    assert lm.generate_until(asked) == stock(tiny_model, 4).generate_until(asked, disable_tqdm=True)
    assert warnings == [
        "decoding steps can no longer be captured: RuntimeError: operation not permitted while "
        "capturing"
    ]
    assert steps.released == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_on_a_fixed_cache_are_the_same(
    family: str, tiny_model: Path, tmp_path: Path
) -> None:
    model = load_model(
        tiny_family(family, tiny_model, tmp_path / "model"), None, dtype="float32", device="cpu"
    )
    plain = tried(model)
    fixed = tried(model, cast("CapturedSteps", Uncaptured()))
    assert torch.equal(plain.tokens, fixed.tokens)
    assert distance(plain, fixed) < 1e-4


def test_another_cache_is_told_from_the_same(tiny_model: Path) -> None:
    model = load_model(tiny_model, None, dtype="float32", device="cpu")

    def shifted(cache: Any, rows: torch.Tensor, length: int) -> Any:
        made = fixed_cache(cache, rows, length)
        made.layers[-1].keys = made.layers[-1].keys.roll(1, dims=2)
        return made

    wrong = tried(model, cast("CapturedSteps", Uncaptured()), shifted)
    assert distance(tried(model), wrong) > 0.05


def test_without_a_gpu_steps_are_plain(tiny_model: Path) -> None:
    model = load_model(tiny_model, None, dtype="float32", device="cpu")
    choice = choose_steps(model)
    assert choice.steps is None
    assert not choice.failed


def test_columns_that_a_window_dropped_are_behind_its_mask(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = tiny_family("gemma3", tiny_model, tmp_path / "model")
    model = load_model(folder, None, dtype="float32", device="cpu")
    cache = empty_cache(model)
    assert cache is not None
    ids = torch.randint(2, 200, (3, 50))
    with torch.inference_mode():
        model(input_ids=ids, past_key_values=cache)
    held = [layer.keys.shape[2] for layer in cache.layers]
    assert min(held) < 50 == max(held)
    made = fixed_cache(cache, torch.tensor([0, 2]), 70)
    assert {tuple(layer.keys.shape[:3:2]) for layer in made.layers} == {(2, 128)}
    assert all(int(layer.get_seq_length()) == 50 for layer in made.layers)
    assert all(layer.keys is None for layer in cache.layers)


@pytest.mark.parametrize(("length", "most", "stop"), [(100, 5000, 384), (384, 660, 660)])
def test_where_a_cache_ends(length: int, most: int, stop: int) -> None:
    assert next_stop(length, most) == stop

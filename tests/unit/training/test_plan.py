from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ptb_lite.training.planning.choices import AttentionNeeds, Software
from ptb_lite.training.planning.cost import Capability, ModelShape
from ptb_lite.training.planning.plan import TrainingPlan, choose_plan, likely_tokens

SMALL = ModelShape(
    parameters=268_000_000, linear=100_000_000, layers=18, hidden=640, intermediate=2048
)
LARGE = ModelShape(
    parameters=4_000_000_000,
    linear=3_600_000_000,
    layers=36,
    hidden=2560,
    intermediate=9728,
    needs=AttentionNeeds(model_type="qwen3"),
)


def plan(
    shape: ModelShape, gigabytes: float, *, tokens: int = 16 * 64, **given: object
) -> TrainingPlan:
    capability = Capability(
        device="cuda" if given.get("card") else "cpu",
        memory_free=int(gigabytes * 1e9),
        fast_bfloat16=bool(given.get("fast", True)),
    )
    nf4 = given.get("nf4", True)
    return choose_plan(
        capability,
        shape,
        nf4=None if nf4 is None else bool(nf4),
        batch_tokens=tokens,
        batch_size=int(str(given.get("rows", 1))),
    )


def test_with_room_the_weights_are_unpacked_once_and_nothing_is_computed_twice() -> None:
    chosen = plan(SMALL, 8)
    assert chosen.quantise
    assert chosen.unpack_once
    assert not chosen.checkpointed_layers


def test_without_room_the_weights_stay_packed() -> None:
    chosen = plan(LARGE, 8)
    assert chosen.quantise
    assert not chosen.unpack_once


def test_long_batches_are_checkpointed() -> None:
    assert plan(SMALL, 8, tokens=64 * 4096).checkpointed_layers


def test_without_bfloat16_hardware_it_computes_in_float32() -> None:
    assert plan(SMALL, 8, fast=False).dtype == "float32"


def test_without_nf4_nothing_is_unpacked() -> None:
    chosen = plan(SMALL, 8, nf4=False)
    assert not chosen.quantise
    assert not chosen.unpack_once


@pytest.mark.parametrize(
    ("shape", "gigabytes", "card", "quantised"),
    [(SMALL, 8, False, False), (LARGE, 8, False, True), (SMALL, 80, True, True)],
)
def test_by_itself_it_quantises_where_that_gains_something(
    shape: ModelShape, gigabytes: float, card: bool, quantised: bool
) -> None:
    chosen = plan(shape, gigabytes, nf4=None, card=card)
    assert chosen.quantise is quantised
    assert ("no quantisation" in " ".join(chosen.reasons)) is not quantised


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@example(gigabytes=4.6, tokens=29_000)
@given(gigabytes=st.floats(0.1, 500), tokens=st.integers(1, 10**6))
def test_more_memory_never_makes_a_slower_plan(
    shape: ModelShape, gigabytes: float, tokens: int
) -> None:
    less = plan(shape, gigabytes, tokens=tokens, rows=16)
    more = plan(shape, 2 * gigabytes, tokens=tokens, rows=16)
    assert more.seconds <= less.seconds
    assert more.checkpointed_layers <= less.checkpointed_layers


def test_every_choice_has_a_reason() -> None:
    text = " ".join(plan(SMALL, 8).reasons)
    for word in ("bfloat16", "NF4", "checkpointing"):
        assert word in text


def test_smaller_parts_come_before_computing_twice() -> None:
    chosen = plan(LARGE, 24, tokens=16 * 1024, rows=16)
    assert not chosen.checkpointed_layers
    assert chosen.parts > 1


def test_where_not_even_a_row_fits_its_layers_are_checkpointed() -> None:
    chosen = plan(LARGE, 5, tokens=16 * 4096, rows=16)
    assert chosen.checkpointed_layers


def test_what_cannot_fit_is_tried_in_the_smallest_way() -> None:
    chosen = plan(LARGE, 0.1, tokens=16 * 4096, rows=16)
    assert chosen.checkpointed_layers
    assert chosen.parts == 16


@pytest.mark.parametrize(
    ("compiler", "steps", "limit", "compiled"),
    [
        (True, 1000, None, True),
        (True, 0, None, True),
        (True, 5, None, False),
        (True, 1000, 20.0, False),
        (False, 1000, None, False),
    ],
)
def test_layers_are_compiled_where_that_pays(
    compiler: bool, steps: int, limit: float | None, compiled: bool
) -> None:
    gpu = Capability(
        device="cuda",
        memory_free=int(11e9),
        fast_bfloat16=True,
        rate=8e14,
        software=Software(compiler=compiler),
    )
    chosen = choose_plan(
        gpu,
        LARGE,
        nf4=True,
        batch_tokens=16 * 1024,
        batch_size=16,
        steps=steps,
        time_limit=limit,
    )
    assert chosen.compiled is compiled
    assert "compiled" in " ".join(chosen.reasons)
    assert ("layers compiled" if compiled else "eagerly") in chosen.summary
    assert f"{chosen.gain:.1f} x" in chosen.summary


def test_a_batch_is_expected_to_be_no_longer_than_its_longest_examples_make_it() -> None:
    assert likely_tokens([100] * 9, 4) == 400
    assert likely_tokens([1] * 99 + [100], 1) < 100
    assert likely_tokens([1, 100], 2) <= 200

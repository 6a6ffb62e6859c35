"""Prices: which one a model has, and what comes of its tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.prices import Price, load_prices, price_of
from ptb_lite.errors import CatalogError

PRICES = load_prices(Path("/nonexistent"))
PRICE = Price(input=2.0, cached=0.5, output=8.0, dated="2026-01-01")


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("openrouter/openai/gpt-5", "gpt-5"),
        ("google/gemini-2.5-flash-lite", "gemini-2.5-flash-lite"),
        ("anthropic/claude-opus-4.6", "claude-opus-4-6"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("amazon-bedrock/eu.anthropic.claude-haiku-4-5", "claude-haiku-4-5"),
        # Other models, though their names begin like one.
        ("gpt-5-pro", None),
        ("gpt-5.9", None),
        ("claude-opus-4-9", None),
        ("gemini-2.5-flash-image", None),
        ("openai/gpt-5:free", None),
        ("my-own/model", None),
        ("", None),
    ],
)
def test_a_model_has_the_price_of_its_own_name(model: str, known: str | None) -> None:
    assert price_of(model, PRICES) == (PRICES[known] if known else None)


def test_tokens_from_a_cache_have_their_own_price() -> None:
    figures = {"input_tokens": 3e6, "cached_input_tokens": 2e6, "output_tokens": 1e6}
    assert PRICE.of(figures) == pytest.approx(2.0 + 2 * 0.5 + 8.0)


def test_a_person_has_prices_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(
        'gpt-5: {input: 1, cached: 1, output: 1, dated: "2026-11-01"}\n'
    )
    assert load_prices(tmp_path)["gpt-5"].output == 1
    assert load_prices(tmp_path)["o3"] == PRICES["o3"]
    (tmp_path / "prices.yaml").write_text("mine: {input: -1, cached: 1, output: 1, dated: x}\n")
    with pytest.raises(CatalogError, match="line 1"):
        load_prices(tmp_path)


def test_an_estimate_is_marked_and_a_programs_own_figure_stays(tmp_path: Path) -> None:
    start = AgentStart(workspace=tmp_path, prompt_file=tmp_path / "p", model="m")
    plan = AgentPlan(CodexBackend(), start, price=PRICE)
    turn = {"type": "turn.completed", "usage": {"input_tokens": 1e6, "output_tokens": 0}}
    (used, _) = plan.read_line(json.dumps(turn).encode())
    assert used.data["cost_usd"] == pytest.approx(2.0)
    assert used.data["cost_estimated"] == 1
    step = {"type": "step_finish", "part": {"tokens": {"input": 3, "output": 1}, "cost": 0.5}}
    own = replace(plan, backend=OpenCodeBackend())
    (used,) = own.read_line(json.dumps(step).encode())
    assert used.data["cost_usd"] == 0.5
    assert "cost_estimated" not in used.data

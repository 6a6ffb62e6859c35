"""The judge as a person names it, pauses as an endpoint asks for them, and what is set aside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.chat.endpoint import retry_after
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.judge.choice import JudgeChoice, judge_choice
from ptb_lite.evaluation.judge.ledger import Ledger, LimitReached, Spent


def test_model_and_endpoint() -> None:
    found = judge_choice("org/model@v2@http://127.0.0.1:11434/v1")
    assert found is not None
    assert (found.model, found.endpoint) == ("org/model@v2", "http://127.0.0.1:11434/v1")
    assert found.key_variable == "PTB_LITE_JUDGE_KEY"
    assert judge_choice(None) is None


def test_limits_and_prices() -> None:
    found = judge_choice(
        "m@https://host/v1",
        key_variable="OPENAI_API_KEY",
        max_tokens=1000,
        max_spend=2.5,
        prices="0.25,2",
    )
    assert found is not None
    assert found.cost(1_000_000, 500_000) == 1.25
    assert (found.max_tokens, found.max_spend) == (1000, 2.5)


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"named": "gpt-5"}, "judge", "names no model and endpoint"),
        ({"named": "@http://h/v1"}, "judge", "names no model"),
        ({"named": "m@http://:80/v1"}, "judge", "no URL"),
        ({"named": "m@http://user:secret@h/v1"}, "judge", "holds a password"),
        ({"named": "m@http://h/v1", "max_spend": 1.0}, "judge", "needs the input and the output"),
        ({"named": "m@http://h/v1", "prices": "1"}, "judge_prices", "two numbers"),
        ({"named": "m@http://h/v1", "max_tokens": 0}, "judge_max_tokens", "greater than 0"),
        ({"named": "m@http://h/v1", "key_variable": "a b"}, "judge_key_variable", "pattern"),
        ({"named": None, "max_tokens": 5}, "judge", "none is chosen"),
    ],
)
def test_wrong_choices_name_the_field(arguments: dict[str, object], field: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        judge_choice(**arguments)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert "secret" not in str(caught.value)


def test_retry_after_in_seconds_or_as_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after("3") == 3.0
    assert retry_after("0.5") == 0.5
    assert retry_after(format_datetime(now + timedelta(seconds=90), usegmt=True), now) == 90.0
    assert retry_after(format_datetime(now - timedelta(seconds=90), usegmt=True), now) == 0.0
    for nothing in (None, "", "soon", "-1", "nan", "inf", "1e400"):
        assert retry_after(nothing) is None


@given(st.text())
def test_any_header_is_read(value: str) -> None:
    found = retry_after(value)
    assert found is None or found >= 0


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=30))
def test_what_is_under_way_cannot_pass_the_limit_together(uses: list[tuple[int, int]]) -> None:
    ledger = Ledger(JudgeChoice(model="m", endpoint="http://h/v1", max_tokens=1000))
    aside = []
    for tokens, used in uses:
        most = Spent(tokens, 0)
        try:
            ledger.set_aside(most)
        except LimitReached:
            continue
        aside.append((most, Spent(min(tokens, used), 0)))
    for most, spent in aside:
        ledger.settle(most, spent)
    assert ledger.spent.input_tokens <= 1000

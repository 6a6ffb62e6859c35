"""Which judge is chosen, and what it may cost: the part of a RunSpec about judging."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from ptb_lite.catalog.entries import Variable
from ptb_lite.chat.address import address_problem
from ptb_lite.errors import SpecError
from ptb_lite.events import Record

KEY_VARIABLE = "PTB_LITE_JUDGE_KEY"
_HINT = "Give --judge MODEL@URL, for instance qwen3:8b@http://127.0.0.1:11434/v1"
Price = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]


class JudgeChoice(Record):
    """A model at an OpenAI-compatible endpoint.

    `endpoint` is the base URL, without /chat/completions. `key_variable` names the variable that
    holds the key; it may be unset. `max_tokens` bounds what a run's judgements use, prompts and
    answers together, `max_spend` what they cost in US dollars, with `input_price` and
    `output_price` in dollars per million tokens. `answer_tokens` is how long one judgement may be,
    `concurrency` how many are asked for at a time.
    """

    model: Annotated[str, Field(min_length=1, max_length=200)]
    endpoint: Annotated[str, Field(min_length=1, max_length=500)]
    key_variable: Variable = KEY_VARIABLE
    max_tokens: Annotated[int, Field(gt=0)] = 30_000_000
    max_spend: Price | None = None
    input_price: Price | None = None
    output_price: Price | None = None
    answer_tokens: Annotated[int, Field(ge=16, le=65_536)] = 4096
    concurrency: Annotated[int, Field(ge=1, le=64)] = 8

    @model_validator(mode="after")
    def _sound(self) -> JudgeChoice:
        problem = _url_problem(self.endpoint)
        if problem:
            raise ValueError(problem)
        if self.max_spend is not None and None in (self.input_price, self.output_price):
            raise ValueError("a limit in dollars needs the input and the output price")
        return self

    def cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """US dollars; None where no price is known."""
        if self.input_price is None or self.output_price is None:
            return None
        return (input_tokens * self.input_price + output_tokens * self.output_price) / 1e6


def judge_choice(
    named: str | None,
    *,
    key_variable: str | None = None,
    max_tokens: int | None = None,
    answer_tokens: int | None = None,
    max_spend: float | None = None,
    prices: str | None = None,
) -> JudgeChoice | None:
    """The judge that `MODEL@URL` and the options beside it name; None where nothing is given.

    `prices` is INPUT,OUTPUT in dollars per million tokens. Raises SpecError with the field.
    """
    if named is None:
        beside = (key_variable, max_tokens, answer_tokens, max_spend, prices)
        if any(value is not None for value in beside):
            raise SpecError("none is chosen", field="judge", hint=_HINT)
        return None
    # A name may hold an @ of its own, so only what looks like a URL is taken for one.
    found = re.fullmatch(r"(.+?)@(https?:.*)", named)
    if found is None:
        raise SpecError(f"{named[:100]!r} names no model and endpoint", field="judge", hint=_HINT)
    values: dict[str, object] = {"model": found[1], "endpoint": found[2]}
    if prices is not None:
        values["input_price"], values["output_price"] = _prices(prices)
    given = {
        "key_variable": key_variable,
        "max_tokens": max_tokens,
        "answer_tokens": answer_tokens,
        "max_spend": max_spend,
    }
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return JudgeChoice.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "_".join(("judge", *(str(part) for part in first["loc"])))
        message = first["msg"].removeprefix("Value error, ")
        raise SpecError(message[:1].lower() + message[1:], field=place, hint=_HINT) from error


def _prices(text: str) -> tuple[float, float]:
    try:
        one, other = (float(part) for part in text.split(","))
    except ValueError as error:
        raise SpecError(
            f"{text[:40]!r} is not two numbers",
            field="judge_prices",
            hint="Give INPUT,OUTPUT in dollars per million tokens, for instance 0.25,2",
        ) from error
    return one, other


def _url_problem(url: str) -> str:
    match address_problem(url):
        case "password":
            # The choice is written into spec.json; a secret does not belong there.
            return f"the endpoint's URL holds a password; give the key in {KEY_VARIABLE}"
        case "no URL":
            return "that is no URL of an endpoint"
    return ""

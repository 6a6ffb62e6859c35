"""Who is chosen to judge the evidence of an audit: the part of a RunSpec about that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError, model_validator

from ptb_lite.catalog.entries import AgentEntry, EntryId, Variable
from ptb_lite.chat.address import address_problem
from ptb_lite.errors import SpecError
from ptb_lite.events import Record

KEY_VARIABLE = "PTB_LITE_API_KEY"
ENDPOINT_SECONDS = 120.0
AGENT_SECONDS = 900.0
_HINT = (
    "Give AGENT or AGENT:MODEL, for instance claude-code, or a model at an endpoint, for instance "
    "qwen3:8b@http://127.0.0.1:11434/v1"
)


class AuditJudgeChoice(Record):
    """An agent of the catalogue with its model (None: the agent's own choice), or the model at an
    OpenAI-compatible `endpoint`, whose key is in `key_variable`, which may be unset.

    `seconds` is the time of one of the `votes`; None: 2 minutes for an endpoint, 15 for an agent.
    """

    agent: EntryId | None = None
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    endpoint: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    key_variable: Variable = KEY_VARIABLE
    votes: Annotated[int, Field(ge=1, le=9)] = 3
    seconds: Annotated[float, Field(ge=1, le=7200)] | None = None

    @model_validator(mode="after")
    def _sound(self) -> AuditJudgeChoice:
        if (self.agent is None) == (self.endpoint is None):
            raise ValueError("a judge is an agent, or a model at an endpoint")
        if self.endpoint is not None and self.model is None:
            raise ValueError("an endpoint's judge needs a model")
        match address_problem(self.endpoint) if self.endpoint is not None else None:
            case "password":
                raise ValueError(f"the URL holds a password; give the key in {self.key_variable}")
            case "no URL":
                raise ValueError("that is no URL of an endpoint")
        return self

    @property
    def vote_seconds(self) -> float:
        if self.seconds is not None:
            return self.seconds
        return ENDPOINT_SECONDS if self.agent is None else AGENT_SECONDS


def audit_judge_choice(text: str, agents: Mapping[str, AgentEntry]) -> AuditJudgeChoice:
    """The judge that AGENT, AGENT:MODEL or MODEL@URL names; an agent's id goes first.

    Raises SpecError.
    """
    name, _, model = text.partition(":")
    values: dict[str, str] = {}
    # A name may hold an @ of its own, so only what looks like a URL is taken for one.
    if name in agents:
        values = {"agent": name, **({"model": model} if model else {})}
    elif found := re.fullmatch(r"(.+?)@(https?:.*)", text):
        values = {"model": found[1], "endpoint": found[2].rstrip("/")}
    else:
        raise SpecError(f"{text[:100]!r} names no judge", field="audit_judge", hint=_HINT)
    try:
        choice = AuditJudgeChoice.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise SpecError(message, field="audit_judge", hint=_HINT) from error
    check_audit_judge(choice, agents)
    return choice


def check_audit_judge(choice: AuditJudgeChoice, agents: Mapping[str, AgentEntry]) -> None:
    """Raises SpecError for an agent that is not there, or has no model to be asked."""
    if choice.agent is None:
        return
    entry = agents.get(choice.agent)
    if entry is None:
        raise SpecError(f"there is no agent {choice.agent!r}", field="audit_judge", hint=_HINT)
    if not entry.has_model:
        raise SpecError(
            f"agent '{entry.id}' has no model that could judge", field="audit_judge", hint=_HINT
        )

"""One short question to the model behind an agent: whether its key, its model and the way work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.agents.local.chat import ChatClient, ChatError
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.registry import plan_agent
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.errors import PtbLiteError
from ptb_lite.runner.auditing.ask_agent import AgentQuestion, ask_once

CALL_SECONDS = 90.0
QUESTION = "Reply with the one word OK. Do nothing else."
_MAX_SHOWN = 200


@dataclass(frozen=True)
class Called:
    """`message` is what came back, or why nothing did."""

    works: bool
    message: str
    seconds: float


def call_agent(entry: AgentEntry, *, model: str | None, seconds: float = CALL_SECONDS) -> Called:
    """Ask once, as a run would: in a sandbox that reaches the model alone. It costs a few tokens.

    Raises PtbLiteError when the agent has no model, or its program or key is missing.
    """
    began = time.monotonic()
    plan = plan_agent(entry, workspace=Path(), model=model)
    if not plan.endpoints:
        raise PtbLiteError(f"agent '{entry.id}' has no model to call", field="call")
    if entry.backend == "local":
        works, message = _ask(plan, seconds)
    else:
        heard = ask_once(AgentQuestion(entry, model, QUESTION, seconds))
        works, message = not heard.problem, heard.problem or heard.said
    return Called(works, " ".join(message.split())[:_MAX_SHOWN], time.monotonic() - began)


def _ask(plan: AgentPlan, seconds: float) -> tuple[bool, str]:
    """By itself: the built-in agent would ask again after an answer without a command."""
    client = ChatClient(
        plan.start.endpoint or "",
        plan.start.model or "",
        key=plan.start.key.value if plan.start.key is not None else "",
        deadline=time.monotonic() + seconds,
        say=lambda _: None,
    )
    try:
        reply = client.ask([{"role": "user", "content": QUESTION}], tools=False)
    except ChatError as error:
        return False, str(error)
    return True, reply.text or reply.reasoning or "an empty answer"

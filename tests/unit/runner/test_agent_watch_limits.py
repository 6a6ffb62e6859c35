"""What four programs say when a limit of their account is met, and what else they say."""

from __future__ import annotations

import pytest

from ptb_lite.events import AgentEvent, AgentEventKind
from ptb_lite.runner.agent.watch import AgentWatch

K = AgentEventKind


@pytest.mark.parametrize(
    "text",
    [
        "met the rate limit (five_hour), begins anew at 2026-11-28 21:06 UTC",
        "You've hit your session limit · resets 3pm",
        "You've hit your usage limit. Try again at 3:04 PM.",
        "exceeded retry limit, last status: 429 Too Many Requests",
        "You exceeded your current quota. Please retry in 5h3m.",
        '{"code": 429, "status": "RESOURCE_EXHAUSTED"}',
        "429: Rate limit reached for requests",
        "Insufficient credits: add more",
        "5-hour limit reached",
        "Your credit balance is too low",
        "Spend limit exceeded for this key",
    ],
)
def test_a_limit_is_told_from_other_errors_until_the_agent_works_again(text: str) -> None:
    watch = AgentWatch(None)
    watch.hear(AgentEvent(kind=K.MESSAGE, text="working"))
    assert watch.rate_limit() is None
    watch.hear(AgentEvent(kind=K.ERROR, text=text))
    watch.hear(AgentEvent(kind=K.END, text="failed"))
    assert watch.rate_limit() == text
    watch.hear(AgentEvent(kind=K.TOOL_CALL, text="ls"))
    assert watch.rate_limit() is None


@pytest.mark.parametrize(
    "text",
    [
        "401 Unauthorized",
        "stream disconnected",
        "limit of 4096 processes",
        "no such file",
        "context limit reached",
    ],
)
def test_other_errors_are_no_limit(text: str) -> None:
    watch = AgentWatch(None)
    watch.hear(AgentEvent(kind=K.ERROR, text=text))
    assert watch.rate_limit() is None


def test_work_after_the_last_count_is_not_counted() -> None:
    watch = AgentWatch(None)
    watch.hear(AgentEvent(kind=K.TOOL_CALL, text="ls"))
    assert watch.uncounted
    watch.hear(AgentEvent(kind=K.END, text="completed"))
    assert not watch.uncounted

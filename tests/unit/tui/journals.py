"""Events for the view models' tests, with a clock of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke, Event, Record

BEGUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
# Colours, a cursor movement, a title, markup, right-to-left, wide and combining characters.
HOSTILE = (
    "\x1b[31mred\x1b[2J\x1b]0;owned\x07[bold]x[/] [link=a]\u202egnp\u2066 漢字 e\u0301\u200b\x00"
)


def at(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


def event(payload: Record, seconds: float = 0.0) -> Event:
    return Event.model_validate({"seq": 1, "time": at(seconds), "payload": payload})


def said(kind: AgentEventKind, text: str = "", **data: float) -> AgentSpoke:
    return AgentSpoke(event=AgentEvent(kind=kind, text=text, data=data))


def is_harmless(text: str) -> bool:
    """Whether a terminal shows it as it stands: nothing but visible characters and line ends."""
    return all(char.isprintable() or char == "\n" for char in text)

"""The local agent's trajectory on disk, from which it goes on in a new process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record

# What the model saw last stays as it was when the conversation is made shorter.
KEPT_MESSAGES = 6
LEFT_OUT = "[output left out to save room]"


class Session(Record):
    """A conversation as the endpoint is sent it, and the tokens that it has cost.

    `tools` is False once the endpoint has said that its model cannot call tools, `plain` True once
    it has refused fields of its own messages.
    """

    version: Literal[1] = 1
    id: str
    tools: bool = True
    plain: bool = False
    messages: tuple[dict[str, Any], ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0

    def with_messages(self, *messages: dict[str, Any]) -> Session:
        return self.model_copy(update={"messages": (*self.messages, *messages)})


def save_session(session: Session, path: Path) -> None:
    """Replace the file whole, so that a kill at any moment leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(session.model_dump_json(), encoding="utf-8")
    fresh.replace(path)


def load_session(path: Path, session_id: str) -> Session:
    """The saved session of that id, with calls that were cut off answered as such.

    Raises PtbLiteError when there is none.
    """
    try:
        session = Session.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise PtbLiteError("the saved session cannot be read", field=str(path)) from error
    if session.id != session_id:
        raise PtbLiteError(f"there is no saved session {session_id!r}", field=str(path))
    return session.model_copy(update={"messages": tuple(mended(session.messages))})


def mended(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """`messages` with an answer for every tool call of the last reply: endpoints insist on it."""
    last = max((n for n, m in enumerate(messages) if m.get("role") == "assistant"), default=-1)
    if last < 0:
        return list(messages)
    answered = {m.get("tool_call_id") for m in messages[last + 1 :]}
    missing = [
        {"role": "tool", "tool_call_id": call["id"], "content": "[cut off: no result]"}
        for call in messages[last].get("tool_calls") or ()
        if call["id"] not in answered
    ]
    answers = [m for m in messages[last + 1 :] if m.get("role") == "tool"]
    rest = [m for m in messages[last + 1 :] if m.get("role") != "tool"]
    return [*messages[: last + 1], *answers, *missing, *rest]


def shortened(messages: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...] | None:
    """`messages` without the older half of the long outputs; None when there is none to leave out.

    The system's message, the task, and the last `KEPT_MESSAGES` stay whole.
    """
    old = range(2, len(messages) - KEPT_MESSAGES)
    long = [
        n
        for n in old
        if messages[n].get("role") in ("tool", "user")
        and len(str(messages[n].get("content"))) > 2 * len(LEFT_OUT)
    ]
    if not long:
        return None
    dropped = set(long[: (len(long) + 1) // 2])
    return tuple(
        {**message, "content": LEFT_OUT} if n in dropped else message
        for n, message in enumerate(messages)
    )

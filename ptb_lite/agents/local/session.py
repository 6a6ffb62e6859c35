"""The local agent's trajectory on disk, from which it goes on in a new process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record

# What the model saw last stays as it was when the conversation is made shorter.
KEPT_MESSAGES = 6
LEFT_OUT = "[output left out to save room]"
# The system's message and the task.
_BEGINNING = 2
# Characters of an output that is not cut further.
_SHORT = 400


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

    The system's message and the task stay whole. Of the last `KEPT_MESSAGES` the longest output
    loses its middle, once nothing older is left.
    """
    long = {n: text for n, text in _outputs(messages) if len(text) > 2 * len(LEFT_OUT)}
    old = [n for n in long if n < len(messages) - KEPT_MESSAGES]
    new = dict.fromkeys(old[: (len(old) + 1) // 2], LEFT_OUT)
    if not old:
        longest = max(long, key=lambda n: len(long[n]), default=0)
        text = long.get(longest, "")
        if len(text) <= _SHORT:
            return None
        quarter = len(text) // 4
        new = {longest: f"{text[:quarter]}\n{LEFT_OUT}\n{text[-quarter:]}"}
    return tuple(
        {**message, "content": new[n]} if n in new else message
        for n, message in enumerate(messages)
    )


def _outputs(messages: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """What tools, or a person in their place, told after the task."""
    for n, message in enumerate(messages):
        text = message.get("content")
        if n >= _BEGINNING and message.get("role") in ("tool", "user") and isinstance(text, str):
            yield n, text

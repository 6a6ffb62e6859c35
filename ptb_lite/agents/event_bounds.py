"""Reading an agent's output: untrusted bytes in, bounded events out."""

from __future__ import annotations

from pydantic import ValidationError

from ptb_lite.events import AgentEvent, AgentEventKind

MAX_TEXT = 4096
"""Characters of one event in a journal."""
MAX_WHOLE = 1 << 16
"""Characters of one event as a backend reads it: room for an answer as long as a judge's."""
MAX_LINE_BYTES = 1 << 20


def bounded(text: str, limit: int = MAX_WHOLE) -> str:
    """`text` cut to `limit` characters, with a mark that says how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} […{len(text) - limit} more characters in the trace]"


def shortened(event: AgentEvent) -> AgentEvent:
    """The event as it is journalled: with at most `MAX_TEXT` characters of its text."""
    if len(event.text) <= MAX_TEXT:
        return event
    return event.model_copy(update={"text": bounded(event.text, MAX_TEXT)})


def text_event(line: bytes, kind: AgentEventKind = AgentEventKind.MESSAGE) -> AgentEvent | None:
    """A line of plain text as one event; None for an empty line."""
    text = line.decode("utf-8", errors="replace").rstrip("\r\n")
    return AgentEvent(kind=kind, text=bounded(text)) if text.strip() else None


def vocabulary_event(line: bytes) -> AgentEvent | None:
    """A line that is itself an `AgentEvent` in JSON; anything else becomes an unknown event."""
    if not line.lstrip().startswith(b"{"):
        return text_event(line)
    try:
        event = AgentEvent.model_validate_json(line)
    except (ValidationError, RecursionError):
        return text_event(line, AgentEventKind.UNKNOWN)
    return event.model_copy(
        update={
            "text": bounded(event.text),
            "tool": event.tool and event.tool[:100],
            "session_id": event.session_id and event.session_id[:200],
            "data": {key[:40]: value for key, value in list(event.data.items())[:20]},
        }
    )


class LineSplitter:
    """Cuts a stream of bytes into lines; a line over `MAX_LINE_BYTES` comes in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their line ends."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        while len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        return lines

    def rest(self) -> list[bytes]:
        """What came after the last line end: the last line of a program that was killed."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

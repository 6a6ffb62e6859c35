"""The agent's raw output as what it said, did and was told, whatever the scaffold.

Lines of JSON are searched for the shapes that scaffolds use (a message's text, a tool call's
command, a file written or edited, a page fetched, a sub-agent's prompt, a result); reports in plain
text are read by `prose.py`. A time stamp before a line is taken off. Reads are bounded, and a trace
of which nothing could be understood is told: nobody is cleared by it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ptb_lite.audit.evidence.folder import ScanNotes, open_regular, walk
from ptb_lite.audit.evidence.prose import BY_SUB_AGENT, ProseReader, Turn, patched_files

MAX_TRACE_BYTES = 256 << 20
MAX_LINE = 4 << 20
MAX_TURNS = 200_000
MAX_LINES = 2_000_000
"""Lines that are not empty, of all files of a trace; no work of days prints as many."""
_MAX_WHOLE = 64 << 20
_MAX_DEPTH = 24

_COMMANDS = ("command", "cmd", "script", "shell_command", "bash")
_CONTENTS = ("content", "file_text", "new_string", "new_str", "newString", "text", "code",
             "new_source", "replacement")  # fmt: skip
_OLD = ("old_string", "old_str", "oldString")
_PATHS = ("file_path", "path", "filename", "absolute_path", "notebook_path", "filePath",
          "target_file", "TargetFile")  # fmt: skip
# Beside the prompt of a call that begins a sub-agent: Claude Code and OpenCode, Gemini CLI.
_SUB_AGENTS = ("description", "subagent_type", "agent_name")
_PATCHES = ("patch", "input", "diff", "patchText", "unified_diff")
_SAYING = {"agent_message", "message", "text", "output_text", "assistant"}
_THINKING = {"reasoning", "thinking", "thought"}
_RESULTS = {"tool_result", "function_call_output", "tool_output", "result",
            "custom_tool_call_output"}  # fmt: skip
_SHELL_WRAP = re.compile(r"^(?:/\S*/)?(?:ba|z)?sh -l?c '(.*)'$", re.DOTALL)
_STAMP = re.compile(
    r"^[ \t]*(?:\[\d{4}-\d\d-\d\d[T ][\d:.,]{5,16}(?:Z|[+-]\d\d:?\d\d)?\]|\[\d\d:\d\d:\d\d\]|"
    r"\d{4}-\d\d-\d\dT[\d:.,]{5,16}(?:Z|[+-]\d\d:?\d\d)?(?=[ \t]))[ \t]?"
)
_SENTENCE = re.compile(r"[\"'](?:[^\"'\s]+\s+){4}")
_ACTS = re.compile(
    r"[\"'](?:command|tool_use|tool_call|function_call|file_path|command_execution)[\"']|"
    r"^\s*(?:Tool call\b|exec\b|\$ )"
)


def read_transcript(trace: Path, account: ScanNotes, without: Sequence[str] = ()) -> Iterator[Turn]:
    """The turns of a trace file or of the files in a trace folder, but those of `without`. Raises
    nothing for what is in them; what could not be read is told to `account`."""
    budget = _Budget()
    understood = _Understood()
    for name, path in trace_files(trace, account, without):
        try:
            with open_regular(path) as stream:
                start = stream.read(4096)
                stream.seek(0)
                whole = _whole(stream.read(_MAX_WHOLE + 1)) if _is_document(start) else None
                if whole is not None:
                    found: Iterable[Turn] = _walk(whole, "", name, 1, 0)
                else:
                    stream.seek(0)
                    found = _lines(stream, name, account, budget, understood)
                for turn in found:
                    budget.turns += 1
                    understood.see(turn)
                    yield turn
                    if budget.turns > MAX_TURNS:
                        account.leave_unread(f"{name}: beyond the limit of one trace")
                        return
        except OSError as error:
            account.leave_unread(f"{name}: {error.strerror or error}")
    if understood.nothing():
        lines = understood.broken + understood.hinted + understood.worded
        account.leave_unread(
            f"trace: {lines:,} lines of JSON or commands, of which none could be understood"
        )


class _Budget:
    def __init__(self) -> None:
        self.left, self.turns, self.lines = MAX_TRACE_BYTES, 0, 0


class _Understood:
    """Whether a trace that holds acts was read at all. `broken` lines look like JSON and are none,
    `hinted` ones speak of tool calls, `worded` ones are JSON with sentences or commands in it, as
    figures of a training are not."""

    def __init__(self) -> None:
        self.acts = self.turns = self.broken = self.parsed = self.hinted = self.worded = 0

    def see(self, turn: Turn) -> None:
        self.turns += 1
        self.acts += turn.kind in ("command", "wrote", "fetched", "asked")

    def line(self, text: str) -> None:
        if text[:1] in "{[" and len(text) > 2 and text[1] in "\"{[' ":
            parsed = _parsed(text) is not None
            self.parsed += parsed
            self.broken += not parsed
        self.hinted += _ACTS.search(text[:4000]) is not None

    def nothing(self) -> bool:
        unread = self.broken > 3 and not self.parsed
        unknown = self.worded > 3 and not self.turns
        return not self.acts and (unread or unknown or (self.hinted > 0 and not self.parsed))


def _lines(
    stream: Any, name: str, account: ScanNotes, budget: _Budget, understood: _Understood
) -> Iterator[Turn]:
    number = 0
    prose = ProseReader(name)
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        budget.left -= len(line)
        budget.lines += 1
        if budget.left < 0 or budget.lines > MAX_LINES:
            account.leave_unread(f"{name}: beyond the limit of one trace")
            break
        if len(line) > MAX_LINE:
            account.note(f"{name}: line {number} is longer than 4 MiB, cut")
        text = _STAMP.sub("", line.decode("utf-8", "replace").rstrip("\r\n"), count=1)
        found = _parsed(text.strip())
        if found is not None and not prose.inside():
            yield from prose.end()
            yield from _event(found, name, number)
            understood.parsed += 1
            if understood.turns == 0:
                understood.worded += _SENTENCE.search(text) is not None
            continue
        if understood.acts == 0 and understood.parsed == 0:
            understood.line(text.strip())
        yield from prose.line(text, number)
        if line == b"\n":
            # One ends what an empty line is the end of; a flood of them is not read one by one.
            passed = _pass_over_empty(stream)
            number += passed
            budget.left -= passed
    yield from prose.end()


def _pass_over_empty(stream: Any) -> int:
    """How many empty lines follow; the stream stands behind them then."""
    passed = 0
    while block := stream.peek():
        count = len(block) - len(block.lstrip(b"\n"))
        passed += len(stream.read(count)) if count else 0
        if count < len(block):
            break
    return passed


def read_line(line: str, name: str, number: int) -> Iterator[Turn]:
    """The turns of one line alone."""
    text = _STAMP.sub("", line, count=1)
    found = _parsed(text.strip())
    if found is not None:
        yield from _event(found, name, number)
    elif text.strip()[:1] not in ("{", "["):
        prose = ProseReader(name)
        yield from prose.line(text, number)
        yield from prose.end()


def _parsed(text: str) -> dict[str, Any] | list[Any] | None:
    if text[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None


def _is_document(start: bytes) -> bool:
    """One JSON value over many lines, as `json.dump(..., indent=2)` writes it."""
    text = start.lstrip()
    first = text.split(b"\n", 1)[0].strip()
    return first in (b"{", b"[", b"[{") and b"\n" in text


def _whole(raw: bytes) -> dict[str, Any] | list[Any] | None:
    if len(raw) > _MAX_WHOLE:
        return None
    return _parsed(raw.decode("utf-8", "replace").strip())


def trace_files(
    trace: Path, account: ScanNotes, without: Sequence[str] = ()
) -> Iterator[tuple[str, Path]]:
    """The files of a trace, each with its name in flags; none where it is a link or not there.
    Those of `without`, by their paths, have ended a reader."""
    for name, path in _trace_files(trace, account):
        if os.fspath(path) in without:
            account.leave_unread(f"{name}: ended its reader")
        else:
            yield name, path


def _trace_files(trace: Path, account: ScanNotes) -> Iterator[tuple[str, Path]]:
    if trace.is_symlink() or not os.path.lexists(trace):
        return
    if trace.is_dir():
        for file in walk(trace, account, max_files=1000):
            yield f"trace/{file.relative}", file.path
    else:
        yield f"trace/{trace.name}", trace


def _event(found: dict[str, Any] | list[Any], name: str, number: int) -> Iterator[Turn]:
    """The turns of one event of a stream, those of a sub-agent under a name that says so."""
    by_sub_agent = isinstance(found, dict) and _of_sub_agent(found)
    yield from _walk(found, "", name + BY_SUB_AGENT if by_sub_agent else name, number, 0)


def _of_sub_agent(event: dict[str, Any]) -> bool:
    """Claude Code names the call that began it, or in its session files a side chain; our own
    vocabulary names its parent. Codex, Gemini CLI and OpenCode tell only what came of one."""
    own = isinstance(event.get("kind"), str) and event.get("parent")
    return bool(event.get("parent_tool_use_id") or event.get("isSidechain") is True or own)


def _walk(node: Any, role: str, name: str, number: int, depth: int) -> Iterator[Turn]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(node, list):
        for part in node:
            yield from _walk(part, role, name, number, depth + 1)
        return
    if not isinstance(node, dict):
        return
    kind = str(node.get("type") or node.get("kind") or "")
    role = _role(node, kind, role)
    if role not in ("result", "user"):
        yield from _action(node, name, number)
    yield from _speech(node, kind, role, name, number)
    for key, part in node.items():
        if isinstance(part, (dict, list)):
            inner = "result" if key in ("tool_use_result", "output", "metadata", "result") else role
            yield from _walk(part, inner, name, number, depth + 1)


def _role(node: dict[str, Any], kind: str, role: str) -> str:
    if role in ("result",) or kind in _RESULTS:
        return "result"
    if kind in _THINKING:
        return "thinking"
    named = node.get("role")
    if isinstance(named, str):
        return "assistant" if named in ("assistant", "model") else "user"
    if kind in ("user", "assistant"):
        return kind
    return role


def _action(node: dict[str, Any], name: str, number: int) -> Iterator[Turn]:
    """A tool call's command, a file that it writes or edits, a page or a sub-agent it asks for."""
    kind = str(node.get("kind") or "")
    if kind == "tool_call" and isinstance(node.get("text"), str):
        inner = _parsed(node["text"])
        if isinstance(inner, dict):
            yield from _action(inner, name, number)
        else:
            yield from _command(node["text"], name, number)
        return
    for key in _COMMANDS:
        value = node.get(key)
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            if len(value) == 3 and value[1] in ("-c", "-lc"):
                value = value[-1]
            else:
                value = "\n".join(value) if value[0] == "apply_patch" else " ".join(value)
        if isinstance(value, str) and value:
            yield from _command(value, name, number)
    yield from _written(node, name, number)
    for key in _PATCHES:
        if isinstance(node.get(key), str):
            yield from _patches(node[key], name, number)
    yield from _asked(node, name, number)
    for key in ("arguments", "input", "tool_input", "parameters"):
        arguments = node.get(key)
        inner = _parsed(arguments) if isinstance(arguments, str) else None
        if isinstance(inner, dict):
            yield from _action(inner, name, number)


def _written(node: dict[str, Any], name: str, number: int) -> Iterator[Turn]:
    path = next((node[key] for key in _PATHS if isinstance(node.get(key), str)), "")
    if not path:
        return
    edits = node.get("edits")
    found = [node, *(edit for edit in edits or () if isinstance(edit, dict))] if (
        isinstance(edits, list)
    ) else [node]  # fmt: skip
    for one in found:
        old = next((one[key] for key in _OLD if isinstance(one.get(key), str)), "")
        for key in _CONTENTS:
            if isinstance(one.get(key), str):
                yield Turn("wrote", one[key], name, number, path, old)
                break
        else:
            # Codex tells of a changed file without its content; a read has no kind of change.
            if one.get("kind") in ("add", "update", "delete") or old:
                yield Turn("wrote", "", name, number, path, old)


def _patches(text: str, name: str, number: int) -> Iterator[Turn]:
    for path, content, old in patched_files(text):
        yield Turn("wrote", content, name, number, path, old)


def _asked(node: dict[str, Any], name: str, number: int) -> Iterator[Turn]:
    prompt = node.get("prompt")
    asks = node.get("type") == "collab_tool_call" or any(key in node for key in _SUB_AGENTS)
    if isinstance(prompt, str) and prompt and asks:
        yield Turn("asked", prompt, name, number)
    for key in ("url", "query"):
        value = node.get(key)
        if isinstance(value, str) and 3 < len(value) < 2000:
            yield Turn("fetched", value, name, number)


def _command(text: str, name: str, number: int) -> Iterator[Turn]:
    wrapped = _SHELL_WRAP.match(text)
    inner = wrapped[1].replace("'\\''", "'") if wrapped else text
    yield Turn("command", inner, name, number)
    yield from _patches(text, name, number)


def _speech(node: dict[str, Any], kind: str, role: str, name: str, number: int) -> Iterator[Turn]:
    if kind == "tool_call":
        return
    text = node.get("text")
    if not isinstance(text, str):
        text = node.get("content") if isinstance(node.get("content"), str) else None
    if text is None and kind in _THINKING:
        text = node.get("thinking") or node.get("summary")
    if text is None and kind == "result":
        text = node.get("result")
    if not isinstance(text, str) or not text or any(key in node for key in _PATHS):
        return
    match role:
        case "result":
            yield Turn("result", text, name, number)
        case "thinking":
            yield Turn("thought", text, name, number)
        case "user":
            yield Turn("told", text, name, number)
        case _ if role == "assistant" or kind in _SAYING:
            yield Turn("said", text, name, number)

"""The agent's raw output as what it said, did and was told, whatever the scaffold.

Lines of JSON are searched for the shapes that scaffolds use (a message's text, a tool call's
command, a file written, a result); lines of plain text count as what was said. Reads are bounded
and a line that cannot be read is passed over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ptb_lite.audit.evidence.folder import Account, open_regular, walk

MAX_TRACE_BYTES = 256 << 20
MAX_LINE = 4 << 20
MAX_TURNS = 200_000
_MAX_DEPTH = 24

TurnKind = Literal["said", "thought", "command", "wrote", "result", "told"]
_COMMANDS = ("command", "cmd", "script", "shell_command", "bash")
_CONTENTS = ("content", "file_text", "new_string", "new_str", "text", "code", "new_source")
_PATHS = ("file_path", "path", "filename", "absolute_path", "notebook_path", "filePath")
_SAYING = {"agent_message", "message", "text", "output_text", "assistant"}
_THINKING = {"reasoning", "thinking", "thought"}
_RESULTS = {"tool_result", "function_call_output", "tool_output", "result"}
_SHELL_WRAP = re.compile(r"^(?:/\S*/)?(?:ba|z)?sh -l?c '(.*)'$", re.DOTALL)
_PROMPT = re.compile(r"^\s*(?:\$|>|❯)\s+(\S.*)$")


@dataclass(frozen=True)
class Turn:
    """One thing in the trace. `path` is the file that was written, where `kind` says so."""

    kind: TurnKind
    text: str
    file: str
    line: int
    path: str = ""


def read_transcript(trace: Path, account: Account) -> Iterator[Turn]:
    """The turns of a trace file or of the files in a trace folder. Raises nothing for what is in
    them; what could not be read is told to `account`."""
    left, turns = MAX_TRACE_BYTES, 0
    for name, path in trace_files(trace, account):
        try:
            with open_regular(path) as stream:
                number = 0
                while line := stream.readline(MAX_LINE + 1):
                    number += 1
                    left -= len(line)
                    if left < 0 or turns > MAX_TURNS:
                        account.leave_unread(f"{name}: beyond the limit of one trace")
                        return
                    if len(line) > MAX_LINE:
                        account.note(f"{name}: line {number} is longer than 4 MiB, cut")
                    for turn in read_line(line.decode("utf-8", "replace"), name, number):
                        turns += 1
                        yield turn
        except OSError as error:
            account.leave_unread(f"{name}: {error.strerror or error}")


def read_line(line: str, name: str, number: int) -> Iterator[Turn]:
    text = line.strip()
    if text[:1] in "{[" and text:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, (dict, list)):
            yield from _walk(found, "", name, number, 0)
            return
    if text:
        prompt = _PROMPT.match(text)
        yield Turn("command" if prompt else "said", prompt[1] if prompt else text, name, number)


def trace_files(trace: Path, account: Account) -> Iterator[tuple[str, Path]]:
    """The files of a trace, each with its name in flags; none where it is a link or not there."""
    if trace.is_symlink() or not os.path.lexists(trace):
        return
    if trace.is_dir():
        for file in walk(trace, account, max_files=1000):
            yield f"trace/{file.relative}", file.path
    else:
        yield f"trace/{trace.name}", trace


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
    if role != "result":
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
    """A tool call's command, or a file that it writes."""
    kind = str(node.get("kind") or "")
    if kind == "tool_call" and isinstance(node.get("text"), str):
        yield from _command(node["text"], name, number)
        return
    for key in _COMMANDS:
        value = node.get(key)
        if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
            value = value[-1] if len(value) == 3 and value[1] in ("-c", "-lc") else " ".join(value)
        if isinstance(value, str) and value:
            yield from _command(value, name, number)
    path = next((node[key] for key in _PATHS if isinstance(node.get(key), str)), "")
    if path:
        for key in _CONTENTS:
            if isinstance(node.get(key), str):
                yield Turn("wrote", node[key], name, number, path)
    arguments = node.get("arguments")
    if isinstance(arguments, str) and arguments[:1] == "{":
        try:
            inner = json.loads(arguments)
        except (ValueError, RecursionError):
            return
        if isinstance(inner, dict):
            yield from _action(inner, name, number)


def _command(text: str, name: str, number: int) -> Iterator[Turn]:
    wrapped = _SHELL_WRAP.match(text)
    yield Turn("command", wrapped[1] if wrapped else text, name, number)


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

"""Traces in plain text: what people's scripts make of a stream, and what programs print.

Known are the reports that PostTrainBench makes of Claude Code ("Assistant — turn 3", "Tool call —
Bash (id)") and of Codex ("=== Event 7 | type: ... ==="), Codex's own console output ("exec" and the
command below it), and lines of a shell ("$ python - <<'EOF'", the body of the here-document
included). Every other line counts as what was said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ptb_lite.audit.code.shell_words import is_open

TurnKind = Literal["said", "thought", "command", "wrote", "result", "told", "asked", "fetched"]
_MAX_SECTION = 4 << 20
_MAX_COMMAND_LINES = 20_000
_PROMPT = re.compile(r"^\s*(?:\S{0,60}[@:]\S{0,80})?(?:\$|❯|>>) +(\S.*)$|^\s*> +(\S.*)$")
_TURN = re.compile(r"^(Assistant|User|System event|Session start|Result|System) — ")
_TOOL = re.compile(r"^\s{0,4}(Tool call|Tool result)(?: —|:) *([\w.-]*)")
_EVENT = re.compile(r"^=== Event \d+ \| type: (\S+)(?: \((\w+)\))?")
_LABEL = re.compile(
    r"^ {2}(Command|Output|Stdout|Stderr|Message|Reasoning|Patch|Result|Arguments|Exit code|Status|"
    r"Item ID|Title|Last message|Call ID|Working directory|Query):(?: (.*))?$"
)
_CONSOLE = re.compile(r"^exec(?: (.+?))?(?: in (/\S*))?$")
_CONSOLE_ROLE = re.compile(r"^(codex|thinking|user|tokens used)$")
_KEY = re.compile(r'^\s{0,8}"(\w+)": ?(.*)$')
_CLOSES = re.compile(r"^\s*[}\]],?\s*$|^\s*,\s*$")
_MAX_TRIES = 2000
_MAY_END = re.compile(r"^\s*[A-Za-z_]\w*[\s'\")]*$|['\"]")
_PATCH = re.compile(
    r"^\*\*\* (Begin Patch|End Patch|(?:Add|Update|Delete) File: (.+)|Move to: (.+))$"
)
BY_SUB_AGENT = " (sub-agent)"


@dataclass(frozen=True)
class Turn:
    """One thing in the trace. `path` is the file that was written, where `kind` says so, and `old`
    what `text` was put in the place of: empty for a whole file. `asked` is a prompt to a
    sub-agent, `fetched` an address or a query of a web tool. The name of `file` is followed by
    `BY_SUB_AGENT` where one of the agent's sub-agents did it."""

    kind: TurnKind
    text: str
    file: str
    line: int
    path: str = ""
    old: str = ""


WHOLE = "…"
"""Stands for the old text of a file that a patch adds, or that is not known."""


class ProseReader:
    """Turns of lines of plain text, given in order."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kind: str = ""  # what the open section is
        self._report = False  # whether sections of a report are being read
        self._lines: list[str] = []
        self._size = 0
        self._first = 0
        self._tries = 0

    def inside(self) -> bool:
        """Whether a line of JSON belongs to what is open, such as a here-document."""
        return self._kind == "shell" or (self._report and self._kind != "")

    def line(self, text: str, number: int) -> Iterator[Turn]:
        header = self._header(text)
        if header is not None:
            yield from self.end()
            self._open(*header, number)
            return
        if self._kind == "shell":
            self._add(text)
            if self._is_complete(text):
                yield from self.end()
            return
        if self._report:
            self._add(text)
            return
        prompt = _PROMPT.match(text)
        if prompt:
            yield from self.end()
            self._open("shell", prompt[1] or prompt[2] or "", number)
            if not is_open(self._lines[0]):
                yield from self.end()
        elif self._kind:
            self._add(text)
        elif text.strip() and text.strip()[0] not in "{[":
            yield Turn("said", text.strip(), self._name, number)

    def end(self) -> Iterator[Turn]:
        """The open section, closed."""
        kind, lines, first = self._kind, self._lines, self._first
        self._kind, self._lines, self._size = "", [], 0
        text = "\n".join(lines).strip("\n")
        if kind and text.strip():
            yield from _turns(kind, text, self._name, first)

    def _is_complete(self, last: str) -> bool:
        """Whether the open command ends with this line. Read again as a whole only where the line
        may end something, and not too often."""
        if len(self._lines) > _MAX_COMMAND_LINES or self._tries > _MAX_TRIES:
            return True
        if not _MAY_END.search(last):
            return False
        self._tries += 1
        return not is_open("\n".join(self._lines))

    def _open(self, kind: str, text: str, number: int) -> None:
        self._tries = 0
        self._kind, self._first = kind, number
        self._lines = [text] if text else []
        self._size = len(text)

    def _add(self, text: str) -> None:
        self._size += len(text) + 1
        if self._size < _MAX_SECTION:
            self._lines.append(text)

    def _header(self, text: str) -> tuple[str, str] | None:
        """The kind of the section that a line opens, and what of its text stands on the line."""
        turn = _TURN.match(text)
        if turn:
            self._report = True
            return {"Assistant": "said", "User": "told"}.get(turn[1], "note"), ""
        tool = _TOOL.match(text)
        if tool:
            self._report = True
            return ("call" if tool[1] == "Tool call" else "result"), ""
        event = _EVENT.match(text)
        if event:
            self._report = True
            return "note", ""
        label = _LABEL.match(text) if self._report else None
        if label:
            kinds = {"Command": "command", "Message": "said", "Last message": "said",
                     "Reasoning": "thought", "Patch": "patch", "Output": "result",
                     "Stdout": "result", "Stderr": "result", "Result": "result",
                     "Arguments": "call", "Query": "fetched"}  # fmt: skip
            return kinds.get(label[1], "note"), label[2] or ""
        if self._report:
            return None
        console = _CONSOLE.match(text)
        if console and (console[1] is None or console[1].startswith(("bash", "/bin", "sh "))):
            return "console", console[1] or ""
        role = _CONSOLE_ROLE.match(text)
        if role and self._kind in ("", "console", "said", "thought", "note"):
            kinds = {"codex": "said", "thinking": "thought", "user": "told"}
            return kinds.get(role[1], "note"), ""
        return None


def _turns(kind: str, text: str, name: str, first: int) -> Iterator[Turn]:
    match kind:
        case "said" | "thought" | "told" | "result" | "fetched":
            yield Turn(kind, text.strip(), name, first)
        case "shell" | "command":
            yield Turn("command", _dedent(text), name, first)
        case "console":
            command, _, rest = text.partition("\n")
            yield Turn("command", re.sub(r" in /\S*(?: succeeded.*)?$", "", command), name, first)
            if rest.strip():
                yield Turn("result", rest.strip(), name, first)
        case "patch":
            for path, content, old in patched_files(_dedent(text)):
                yield Turn("wrote", content, name, first, path, old)
        case "call":
            yield from _called(_dedent(text), name, first)
        case _:
            pass


def _called(text: str, name: str, first: int) -> Iterator[Turn]:
    """The input of a tool call, as a command or as JSON whose long texts stand as they are."""
    stripped = text.strip()
    if stripped.startswith("$ "):
        yield Turn("command", stripped[2:], name, first)
        return
    if stripped.startswith("python ") and "\n" in stripped:
        yield Turn("wrote", stripped[7:], name, first, "cell.py")
        return
    fields = _loose_object(stripped)
    if "command" in fields:
        yield Turn("command", fields["command"], name, first)
    path = next((fields[k] for k in ("file_path", "notebook_path", "path") if k in fields), "")
    for key in ("content", "new_string", "new_source"):
        if path and key in fields:
            yield Turn("wrote", fields[key], name, first, path, fields.get("old_string", ""))
    if "prompt" in fields and "description" in fields:
        yield Turn("asked", fields["prompt"], name, first)
    for key in ("url", "query"):
        if key in fields:
            yield Turn("fetched", fields[key], name, first)


def _loose_object(text: str) -> dict[str, str]:
    """Names and texts of an object that is JSON but for long texts, which stand unquoted."""
    found: dict[str, list[str]] = {}
    key = ""
    for line in text.split("\n"):
        match = _KEY.match(line)
        if match and match[1] not in found:
            key = match[1]
            found[key] = [match[2]]
        elif key:
            found[key].append(line)
    return {name: _plain(lines) for name, lines in found.items()}


def _plain(lines: list[str]) -> str:
    while len(lines) > 1 and _CLOSES.match(lines[-1]):
        lines = lines[:-1]
    text = "\n".join(lines)
    if len(lines) == 1:
        try:
            value = json.loads(text.strip().removesuffix(","))
        except (ValueError, RecursionError):
            return text
        return value if isinstance(value, str) else text
    return text.removesuffix(",")


def _dedent(text: str) -> str:
    """Without the margin that a report puts before every line; the first line may have none."""
    lines = text.split("\n")
    rest = [line for line in lines[1:] if line.strip()] or [line for line in lines if line.strip()]
    margin = min((len(line) - len(line.lstrip(" ")) for line in rest), default=0)
    margin = min(margin, 8)
    return "\n".join(line[margin:] if not line[:margin].strip() else line for line in lines)


def patched_files(text: str) -> Iterator[tuple[str, str, str]]:
    """Path, new text and old text of every part of an `apply_patch` text, the lines between which
    it stands included; the old text of a file that is added is `WHOLE`."""
    if "*** Begin Patch" not in text:
        return
    path, inside, added = "", False, list[str]()
    old, new = list[str](), list[str]()
    for line in (*text.split("\n"), "*** End Patch"):
        mark = _PATCH.match(line.strip()) if line.lstrip().startswith("*** ") else None
        if mark is None and not line.startswith("@@"):
            if inside and path and line[:1] in ("+", "-", " "):
                old += [line[1:]] if line[0] != "+" else []
                new += [line[1:]] if line[0] != "-" else []
                added += [line[1:]] if line[0] == "+" else []
            continue
        if path and inside and (mark or old or new):
            # What stands between is told only where something is exchanged.
            yield path, "\n".join(new if added else []), "\n".join(old) or WHOLE
        old, new, added = [], [], []
        if mark is not None:
            inside = mark[1] != "End Patch" and (inside or mark[1] == "Begin Patch")
            path = (mark[2] or mark[3] or "").strip()

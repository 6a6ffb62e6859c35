"""Every program that the agent left or ran: files, notebook cells, and what its trace shows.

A program that was written, run and deleted is still in the trace. Files handed over and unchanged
are not the agent's, nor are installed packages (the harness detector compares those with their
own records).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

from ptb_lite.audit.code.interpret import Program as Followed
from ptb_lite.audit.code.interpret import UnreadableCodeError, interpret
from ptb_lite.audit.code.shell import Command, read_shell
from ptb_lite.audit.evidence import progress
from ptb_lite.audit.evidence.folder import (
    Account,
    FoundFile,
    Listing,
    open_regular,
    printable,
    sha256_of,
)
from ptb_lite.audit.evidence.transcript import Turn, read_transcript
from ptb_lite.audit.record import HarnessManifest
from ptb_lite.events import Flag

MAX_PROGRAM = 2 << 20
MAX_PROGRAMS = 5000
MAX_ALL = 256 << 20
_MAX_CONFIG = 256 << 10
_MAX_HASHED = 256 << 20
_ENVIRONMENTS = {"site-packages", "dist-packages", "node_modules", "__pycache__", ".git"}
_PYTHON = {".py", ".pyw", ".ipy"}
_SHELL = {".sh", ".bash", ".zsh", ".mk"}
_SHELL_NAMES = {"Makefile", "makefile", "Dockerfile", "justfile", ".bashrc", ".profile"}
_CONFIGS = {".yaml", ".yml", ".toml", ".cfg", ".ini", ".json"}
_SHEBANG = re.compile(rb"^#!.*\b(python|bash|sh|zsh)[\d.]*\b")
_MAGIC = re.compile(r"^(\s*)([%!].*)$", re.MULTILINE)

_RUNS = re.compile(r"subprocess|os\.system|popen|os\.exec|pty\.spawn|check_output|sh\.", re.I)
_RUNNER = re.compile(
    r"^(?:subprocess\.\w+|os\.(?:system|popen|exec\w+|spawn\w+)|asyncio\.create_subprocess_\w+|"
    r"pty\.spawn)$"
)
MAX_ORDERS = 100_000
_MAX_FOLLOWED = 1000

ProgramKind = Literal["python", "config"]


@dataclass(frozen=True)
class Program:
    """Python source, or a configuration file's text. `first` is its first line in `file`."""

    kind: ProgramKind
    source: str
    file: str
    first: int = 1

    def __post_init__(self) -> None:
        progress.is_from(self.source, self.file)

    def shown(self, line: int) -> str | None:
        """A line of `file` that is part of the program, for an excerpt; None: it is not."""
        lines = self.source.split("\n")
        at = line - self.first
        return printable(lines[at].strip(), 200) if 0 <= at < len(lines) else None


@dataclass(frozen=True)
class Order:
    """One shell command and where it stands."""

    command: Command
    file: str


@dataclass(frozen=True)
class Programs:
    """All of them. `turns` is the whole trace, in order."""

    python: tuple[Program, ...]
    configs: tuple[Program, ...]
    orders: tuple[Order, ...]
    turns: tuple[Turn, ...]
    account: Account
    _followed: dict[Program, Followed | None] = field(default_factory=dict)

    def followed(self, program: Program) -> Followed | None:
        """What a Python program calls and makes, read once for all detectors that need no labels;
        None when it is no Python."""
        if program not in self._followed:
            try:
                found: Followed | None = interpret(program.source)
            except UnreadableCodeError:
                found = None
            if len(self._followed) >= _MAX_FOLLOWED:
                return found
            self._followed[program] = found
        return self._followed[program]


class Evidence(Protocol):
    """The part of a case that programs are read from."""

    @property
    def trace(self) -> Path | None: ...
    @property
    def submission(self) -> Path | None: ...
    @property
    def harness(self) -> HarnessManifest | None: ...
    @property
    def listing(self) -> Listing: ...


def read_programs(case: Evidence) -> Programs:
    """Raises OSError when the folder itself cannot be read."""
    reader = _Reader(case)
    reader.account = account = Account()
    for file in own_files(case, account):
        if not reader.file(file):
            break
    turns = tuple(read_transcript(case.trace, account)) if case.trace else ()
    for turn in turns:
        reader.turn(turn)
    return Programs(
        tuple(reader.python), tuple(reader.configs), tuple(reader.orders), turns, account
    )


def own_files(case: Evidence, account: Account) -> Iterator[FoundFile]:
    """The files that the agent wrote, without those of installed packages."""
    handed_over = case.harness.files if case.harness else {}
    for unread in case.listing.account.unread:
        account.leave_unread(unread)
    for file in case.listing.files:
        if _ENVIRONMENTS & set(PurePosixPath(file.relative).parts[:-1]):
            continue
        expected = handed_over.get(file.relative)
        if expected is None or sha256_of(file.path, _MAX_HASHED) != expected:
            yield file


class _Reader:
    account: Account

    def __init__(self, case: Evidence) -> None:
        self.python: list[Program] = []
        self.configs: list[Program] = []
        self.orders: list[Order] = []
        self._left = MAX_ALL
        self._seen: set[tuple[str, str]] = set()
        self._submission = case.submission

    def file(self, file: FoundFile) -> bool:
        """Whether there is room for more."""
        path = PurePosixPath(file.relative)
        kind = _kind(path, file)
        if kind is None:
            return True
        if len(self.python) + len(self.configs) > MAX_PROGRAMS or self._left < 0:
            self.account.leave_unread(f"programs after {file.relative}")
            return False
        if file.size > MAX_PROGRAM:
            if kind != "config":
                self.account.leave_unread(f"{file.relative}: a program longer than 2 MB")
            return True
        try:
            with open_regular(file.path) as stream:
                raw = stream.read(MAX_PROGRAM)
        except OSError as error:
            self.account.leave_unread(f"{file.relative}: {error.strerror or error}")
            return True
        self._left -= len(raw)
        self.text(kind, raw.decode("utf-8", "replace"), file.relative, 1)
        return True

    def text(self, kind: str, text: str, name: str, first: int) -> None:
        match kind:
            case "python":
                self._python(text, name, first)
            case "shell":
                self._shell(text, name, first)
            case "notebook":
                self._notebook(text, name)
            case _:
                self.configs.append(Program("config", text, name, first))

    def turn(self, turn: Turn) -> None:
        key = (turn.path, turn.text)
        if key in self._seen or turn.kind not in ("command", "wrote"):
            return
        self._seen.add(key)
        if turn.kind == "command":
            self._shell(turn.text, turn.file, turn.line, spread=False)
        elif turn.kind == "wrote" and len(turn.text) <= MAX_PROGRAM:
            kind = _named_kind(PurePosixPath(turn.path))
            if kind in ("python", "shell"):
                self._left -= len(turn.text)
                self.text(kind, turn.text, f"{turn.file} ({turn.path[-80:]})", turn.line)

    def _python(self, text: str, name: str, first: int) -> None:
        for match in _MAGIC.finditer(text):
            if match[2].startswith("!"):
                self._shell(match[2][1:], name, first + text.count("\n", 0, match.start()))
        source = _MAGIC.sub(r"\1pass", text)
        self.python.append(Program("python", source, name, first))
        if _RUNS.search(source) and len(self.orders) < MAX_ORDERS:
            self._run_by(source, name, first)

    def _run_by(self, source: str, name: str, first: int) -> None:
        """The commands that a Python program starts."""
        try:
            sites = interpret(source).sites
        except UnreadableCodeError:
            return
        for site in sites:
            if not _RUNNER.search(site.name) or not site.args:
                continue
            line = first + site.line - 1
            for given in site.args[0].alternatives:
                if isinstance(given, list) and given and all(isinstance(w, str) for w in given):
                    self._shell(shlex.join(given), name, line, spread=False)
                elif isinstance(given, str):
                    self._shell(given, name, line, spread=False)

    def _shell(self, text: str, name: str, first: int, *, spread: bool = True) -> None:
        """`spread`: the text stands in the file as it is, so that its lines are the file's."""
        commands, embedded = read_shell(text, first)
        for command in commands:
            line = command.line if spread else first
            self.orders.append(Order(_at(command, line), name))
            target = _written(command)
            if target and _named_kind(PurePosixPath(target)) == "python":
                self.python.append(Program("python", command.stdin, f"{name} ({target})", line))
        for program in embedded:
            line = program.line if spread else first
            self.python.append(Program("python", program.source, name, line))

    def _notebook(self, text: str, name: str) -> None:
        try:
            cells = json.loads(text).get("cells", [])
        except (ValueError, AttributeError, RecursionError):
            self.account.leave_unread(f"{name}: not readable as a notebook")
            return
        source = "\n".join(_cell(cell) for cell in cells[:10_000] if isinstance(cell, dict))
        self._python(source, name, 1)


def _cell(cell: dict[str, Any]) -> str:
    lines = cell.get("source", "")
    text = "".join(map(str, lines)) if isinstance(lines, list) else str(lines)
    if cell.get("cell_type") != "code":
        return ""
    if text.lstrip().startswith(("%%bash", "%%sh", "%%script")):
        body = text.partition("\n")[2]
        return "\n".join(f"!{line}" for line in body.split("\n"))
    return text


def _written(command: Command) -> str:
    """The file that a here-document goes to."""
    words = command.words
    if command.stdin and command.program in ("cat", "tee"):
        names = [word.lstrip(">") for word in words[1:] if word not in (">", ">>", "-a")]
        return names[-1] if names else ""
    return ""


def _at(command: Command, line: int) -> Command:
    return Command(command.words, line, command.assigned, command.stdin)


def _kind(path: PurePosixPath, file: FoundFile) -> str | None:
    kind = _named_kind(path)
    if kind is None and not path.suffix and 0 < file.size <= MAX_PROGRAM:
        try:
            with open_regular(file.path) as stream:
                match = _SHEBANG.match(stream.read(128))
        except OSError:
            return None
        if match:
            return "python" if match[1] == b"python" else "shell"
    if kind == "config" and file.size > _MAX_CONFIG:
        return None
    return kind


def _named_kind(path: PurePosixPath) -> str | None:
    suffix = path.suffix.lower()
    if suffix in _PYTHON:
        return "python"
    if suffix == ".ipynb":
        return "notebook"
    if suffix in _SHELL or path.name in _SHELL_NAMES:
        return "shell"
    return "config" if suffix in _CONFIGS else None


def program_flag(
    detector: str,
    kind: str,
    message: str,
    program: Program,
    line: int,
    decides: bool,
    confidence: float,
) -> Flag:
    """A flag on a program's line, counted from the first of its file."""
    return Flag(
        detector=detector,
        kind=kind,
        message=printable(f"{program.file}: {message}"),
        decides=decides,
        file=program.file,
        line=line,
        excerpt=program.shown(line),
        confidence=confidence,
    )


def order_flag(
    detector: str, kind: str, message: str, order: Order, decides: bool, confidence: float
) -> Flag:
    """A flag on a shell command."""
    return Flag(
        detector=detector,
        kind=kind,
        message=printable(f"{order.file}: {message}"),
        decides=decides,
        file=order.file,
        line=order.command.line,
        excerpt=printable(order.command.text(), 200),
        confidence=confidence,
    )

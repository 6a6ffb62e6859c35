"""Reads every program that the agent left or ran, out of its files and its trace."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Protocol

from ptb_lite.audit.code.interpret import UnreadableCodeError, World, interpret
from ptb_lite.audit.code.shell import Command, read_shell
from ptb_lite.audit.code.switches.shell_starts import SETS, SettingFiles, ShellStarts
from ptb_lite.audit.evidence.acts import heredoc_target
from ptb_lite.audit.evidence.edited_files import EditedFiles
from ptb_lite.audit.evidence.folder import (
    FoundFile,
    Listing,
    ScanNotes,
    open_regular,
    sha256_of,
    suffix_of,
)
from ptb_lite.audit.evidence.harnesses import handed_data, harness_files
from ptb_lite.audit.evidence.outputs import holding_items
from ptb_lite.audit.evidence.programs import Program, Programs, ShellCommand
from ptb_lite.audit.evidence.prose import Turn
from ptb_lite.audit.evidence.trace.notebooks import MAGIC, cell_source, is_python, joined_cells
from ptb_lite.audit.evidence.transcript import read_transcript
from ptb_lite.audit.item import TestItem
from ptb_lite.audit.record import HarnessManifest

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
# A script that may go one way or another by what it is started with.
_ASKS = re.compile(r"(?:^|[\s;&|])(?:\[\[?|test|case|if)\s[^\n]*\$", re.MULTILINE)

# A program that starts a program that starts a program: no honest one goes deeper.
_MAX_DEPTH = 4
_RUNS = re.compile(r"subprocess|os\.system|popen|os\.exec|pty\.spawn|check_output|sh\.", re.I)
_RUNNER = re.compile(
    r"^(?:subprocess\.\w+|os\.(?:system|popen|exec\w+|spawn\w+)|asyncio\.create_subprocess_\w+|"
    r"pty\.spawn)$"
)
MAX_ORDERS = 100_000


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
    @property
    def items(self) -> tuple[TestItem, ...]: ...
    @property
    def without(self) -> tuple[str, ...]: ...


def read_programs(case: Evidence) -> Programs:
    """Raises OSError when the folder itself cannot be read."""
    reader = _Reader()
    reader.account = account = ScanNotes()
    turns = tuple(read_transcript(case.trace, account, case.without)) if case.trace else ()
    harness = _harness(case, turns)
    files = [file for file in own_files(case, account) if file.relative not in harness]
    for file in files:
        reader.variables(file)
    for file in files:
        if not reader.file(file):
            break
    for turn in turns:
        reader.turn(turn)
    reader.notebooks()
    reader.scripts()
    programs = Programs(
        tuple(reader.python),
        tuple(reader.configs),
        tuple(reader.orders),
        turns,
        account,
        reader.environment,
        harness,
    )
    outputs = holding_items(files, case.items, programs, _handed(case, turns))
    return replace(programs, outputs=outputs)


def _harness(case: Evidence, turns: Iterable[Turn]) -> frozenset[str]:
    """The files of a known harness that no tool of the agent's changed."""
    if case.harness is not None:
        return frozenset()
    changed = _written_by_tools(turns)
    found = harness_files(case.listing.files)
    return frozenset(
        name for name in found if not any(f"/{path}".endswith(f"/{name}") for path in changed)
    )


def _handed(case: Evidence, turns: Iterable[Turn]) -> frozenset[str]:
    """Data that the task's instructions name, in a folder without a record of what was handed."""
    if case.harness is not None:
        return frozenset()
    before = takewhile(lambda turn: turn.kind == "told", turns)
    prompt = "\n".join(turn.text for turn in before)
    return handed_data(case.listing.files, _written_by_tools(turns), prompt)


def _written_by_tools(turns: Iterable[Turn]) -> set[str]:
    return {turn.path for turn in turns if turn.kind == "wrote" and turn.path}


def own_files(case: Evidence, account: ScanNotes) -> Iterator[FoundFile]:
    """The files that the agent wrote, without those of installed packages."""
    handed_over = case.harness.files if case.harness else {}
    for unread in case.listing.account.unread:
        account.leave_unread(unread)
    for file in case.listing.files:
        if not _ENVIRONMENTS.isdisjoint(file.folders):
            continue
        expected = handed_over.get(file.relative)
        if expected is None or sha256_of(file.path, _MAX_HASHED) != expected:
            yield file


class _Reader:
    account: ScanNotes

    def __init__(self) -> None:
        self.python: list[Program] = []
        self.configs: list[Program] = []
        self.orders: list[ShellCommand] = []
        self._left = MAX_ALL
        self._depth = 0
        self._seen: set[tuple[str, str]] = set()
        self.environment: dict[str, str] = {}
        self._edited = EditedFiles()
        self._cells: dict[str, list[tuple[str, Turn]]] = {}
        self._scripts: list[Program] = []
        self._settings = SettingFiles()

    def variables(self, file: FoundFile) -> None:
        """Those that a `.env` file sets."""
        name = file.name
        if not (name == ".env" or name.endswith(".env")) or file.size > _MAX_CONFIG:
            return
        try:
            with open_regular(file.path) as stream:
                text = stream.read(_MAX_CONFIG).decode("utf-8", "replace")
        except OSError:
            return
        self._settings.keep(name, text)
        for line in text.split("\n")[:2000]:
            match = SETS.match(line)
            if match:
                self.environment[match[1]] = match[2].strip().strip("'\"")

    def file(self, file: FoundFile) -> bool:
        """Whether there is room for more."""
        kind = _kind(file)
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

    def text(self, kind: str, text: str, name: str, first: int, *, spread: bool = True) -> None:
        match kind:
            case "python":
                self._python(text, name, first, spread=spread)
            case "shell" if self._settings.keep(name, text) and _ASKS.search(text):
                self._scripts.append(Program("config", text, name, first, spread=spread))
            case "shell":
                self._shell(text, name, first, spread=spread)
            case "notebook":
                self._notebook(text, name, first)
            case _:
                self.configs.append(Program("config", text, name, first, spread=spread))

    def turn(self, turn: Turn) -> None:
        key = (turn.path, turn.text)
        if turn.kind == "fetched" and turn.text.startswith("http"):
            # A page fetched by a tool is a page fetched by `curl`.
            words = ("curl", turn.text.split()[0])
            self.orders.append(ShellCommand(Command(words, turn.line), turn.file))
        if turn.kind not in ("command", "wrote") or (key in self._seen and not turn.old):
            return
        self._seen.add(key)
        if turn.kind == "command":
            self._shell(turn.text, turn.file, turn.line, spread=False)
        elif len(turn.text) <= MAX_PROGRAM:
            kind = _named_kind(turn.path)
            if kind == "notebook" and self._takes_cell(turn):
                return
            text = self._edited.after(turn)
            if kind in ("python", "shell", "notebook", "config") and text:
                self._left -= len(text)
                name = f"{turn.file} ({turn.path[-80:]})"
                self.text(kind, text, name, turn.line, spread=False)

    def _python(self, text: str, name: str, first: int, *, spread: bool) -> None:
        program = Program("python", MAGIC.sub(r"\1pass", text), name, first, spread=spread)
        for match in MAGIC.finditer(text):
            runs = match[2].removeprefix("%run ")
            if match[2].startswith("!") or runs != match[2]:
                line = program.line(text.count("\n", 0, match.start()) + 1)
                order = match[2][1:] if runs == match[2] else f"python {runs}"
                self._shell(order, name, line, spread=False)
        self._add_python(program)

    def _add_python(self, program: Program) -> None:
        self.python.append(program)
        deep = self._depth >= _MAX_DEPTH or len(self.orders) >= MAX_ORDERS
        if not deep and _RUNS.search(program.source):
            self._depth += 1
            self._run_by(program)
            self._depth -= 1

    def _run_by(self, program: Program) -> None:
        """The commands that a Python program starts."""
        name = program.file
        try:
            sites = interpret(program.source, world=World({}, self.environment, {})).sites
        except UnreadableCodeError:
            return
        for site in sites:
            if not _RUNNER.search(site.name) or not site.args:
                continue
            line = program.line(site.line)
            for given in site.args[0].alternatives:
                if isinstance(given, list) and given and all(isinstance(w, str) for w in given):
                    self._shell(shlex.join(given), name, line, spread=False)
                elif isinstance(given, str):
                    self._shell(given, name, line, spread=False)

    def scripts(self) -> None:
        """Those of the shell that ask what they were started with, once for each start."""
        starts = ShellStarts(
            (order.command for order in self.orders),
            [program.source for program in (*self.python, *self._scripts)],
        )
        for script in self._scripts:
            for start in starts.of(script.file) or (None,):
                self._shell(script.source, script.file, script.first, script.spread, start, starts)

    def _shell(
        self,
        text: str,
        name: str,
        first: int,
        spread: bool = True,
        start: Command | None = None,
        starts: ShellStarts | None = None,
    ) -> None:
        """`spread`: the text's lines are the file's. `start` is the command that starts it."""
        words, unset = None, lambda _name: False
        variables = self.environment
        if starts is not None:
            words = starts.words(start) if start else None
            unset = starts.never_set(text)
            variables = {**variables, **dict(start.assigned)} if start else variables
        sourced = self._settings.of if starts is not None else lambda _path: None
        commands, embedded = read_shell(text, first, variables, words, unset, sourced)
        for command in commands:
            line = command.line if spread else first
            self.orders.append(ShellCommand(_at(command, line), name))
            for variable, value in command.assigned if not command.words else ():
                self.environment.setdefault(variable, value)
            for path, after in self._edited.after_command(command):
                changed = _named_kind(path)
                if changed is not None and self._depth < _MAX_DEPTH:
                    self._depth += 1
                    self.text(changed, after, f"{name} ({path[-80:]})", line, spread=False)
                    self._depth -= 1
            target = heredoc_target(command)
            if target:
                self._edited.wrote(target, command.stdin)
            kind = _named_kind(target) if target else None
            at = f"{name} ({target})"
            if kind == "python":
                self._add_python(Program("python", command.stdin, at, line, spread=spread))
            elif kind == "config":
                self.configs.append(Program("config", command.stdin, at, line, spread=spread))
        for one in embedded:
            line = one.line if spread else first
            self._add_python(
                Program("python", one.source, name, line, one.output, spread=spread and one.spread)
            )

    def _takes_cell(self, turn: Turn) -> bool:
        """Whether a tool wrote one cell of a notebook; a whole one is a file like others."""
        if turn.text.lstrip()[:1] == "{" and '"cells"' in turn.text:
            try:
                self._cells[turn.path] = [(joined_cells(turn.text), turn)]
            except (ValueError, AttributeError, RecursionError):
                self._cells[turn.path] = []
            return False
        cells = self._cells.setdefault(turn.path, [])
        cells.append((cell_source({"cell_type": "code", "source": turn.text}), turn))
        return True

    def notebooks(self) -> None:
        """Those that tools put together cell by cell, each as one program in that order. Text that
        is no Python is a program of its own."""
        for path, cells in self._cells.items():
            added = cells[1:] if cells and '"cells"' in cells[0][1].text else cells
            if not added:
                continue
            whole = []
            for source, turn in cells:
                name = f"{turn.file} ({path[-80:]})"
                if is_python(source):
                    whole.append(source)
                else:
                    self._python(source, name, turn.line, spread=False)
            last = added[-1][1]
            name = f"{last.file} ({path[-80:]})"
            self._python("\n".join(whole)[:MAX_PROGRAM], name, last.line, spread=False)

    def _notebook(self, text: str, name: str, first: int) -> None:
        try:
            source = joined_cells(text)
        except (ValueError, AttributeError, RecursionError):
            self.account.leave_unread(f"{name}: not readable as a notebook")
            return
        # Its lines stand within JSON, often in a single line of it.
        self._python(source, name, first, spread=False)


def _at(command: Command, line: int) -> Command:
    return replace(command, line=line)


def _kind(file: FoundFile) -> str | None:
    kind = _named_kind(file.relative)
    if kind is None and not file.suffix and 0 < file.size <= MAX_PROGRAM:
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


def _named_kind(path: str) -> str | None:
    name = path.rpartition("/")[2]
    suffix = suffix_of(name)
    if suffix in _PYTHON:
        return "python"
    if suffix == ".ipynb":
        return "notebook"
    if suffix in _SHELL or name in _SHELL_NAMES:
        return "shell"
    return "config" if suffix in _CONFIGS else None

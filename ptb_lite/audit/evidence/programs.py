"""Every program that the agent left or ran: files, notebook cells, and what its trace shows.

A program that was written, run and deleted is still in the trace. Files handed over and unchanged
are not the agent's, nor are installed packages (the harness detector compares those with their
own records).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from ptb_lite.audit.code.flows import is_training_file
from ptb_lite.audit.code.interpret import (
    LabelSource,
    PartPicker,
    UnreadableCodeError,
    World,
    interpret,
)
from ptb_lite.audit.code.interpret import Program as Followed
from ptb_lite.audit.code.shell import Command, redirected
from ptb_lite.audit.code.switches.start import options_in
from ptb_lite.audit.code.switches.starts import Starts
from ptb_lite.audit.evidence import progress
from ptb_lite.audit.evidence.acts import written_words
from ptb_lite.audit.evidence.folder import (
    ScanNotes,
    printable,
)
from ptb_lite.audit.evidence.prose import Turn
from ptb_lite.audit.evidence.trace.timeline import Timeline
from ptb_lite.events import Flag

_MAX_FOLLOWED = 1000
_MAX_SHARED = 6 << 20
_DATA = (".jsonl", ".json", ".csv", ".tsv", ".txt")

_SETS = re.compile(r"(?<!\bself)\.(\w+)\s*=(?!=)|setattr\([^)]*[\"'](\w+)[\"']")
_WORD = re.compile(r"\w+")
_EDITORS = ("sed", "perl", "awk", "gawk", "ed", "ex", "vim", "patch", "git", "sd")

ProgramKind = Literal["python", "config"]


@dataclass(frozen=True)
class Program:
    """Python source, or a configuration file's text. `first` is its first line in `file`, and the
    only one where it is not `spread` over the lines after that: in a trace's line of JSON, say.
    `output` are the files that the shell sends its output to, where it is a program inside of a
    command."""

    kind: ProgramKind
    source: str
    file: str
    first: int = 1
    output: tuple[str, ...] = ()
    spread: bool = True

    def __post_init__(self) -> None:
        progress.is_from(self.source, self.file)

    def line(self, number: int) -> int:
        """Which line of `file` holds line `number` of the source."""
        return self.first + number - 1 if self.spread else self.first

    def shown(self, number: int) -> str | None:
        """Line `number` of the source, for an excerpt; None: it has fewer."""
        lines = self.source.split("\n")
        return printable(lines[number - 1].strip(), 200) if 0 < number <= len(lines) else None


@dataclass(frozen=True)
class ShellCommand:
    """One shell command and where it stands."""

    command: Command
    file: str


@dataclass(frozen=True)
class Programs:
    """All of them. `turns` is the whole trace, in order, `environment` what `.env` files and
    commands set, `harness` the files of a harness that is known by its structure, and `outputs`
    those of evaluations in which test items stand."""

    python: tuple[Program, ...]
    configs: tuple[Program, ...]
    orders: tuple[ShellCommand, ...]
    turns: tuple[Turn, ...]
    account: ScanNotes
    environment: Mapping[str, str] = field(default_factory=dict)
    harness: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    _followed: dict[Program, Followed | None] = field(default_factory=dict)
    _sent: dict[str, list[str]] | None = None
    _by_module: dict[str, str] = field(default_factory=dict)
    _set_names: frozenset[str] | None = None
    _starts: Starts | None = None
    _timeline: Timeline | None = None
    _states: Mapping[str, tuple[str, ...]] | None = None
    _starting: dict[str, list[tuple[str, ...]]] | None = None

    def followed(self, program: Program) -> Followed | None:
        """What a Python program calls and makes, read once for all detectors that need no labels;
        None when it is no Python."""
        if program not in self._followed:
            try:
                found: Followed | None = interpret(program.source, world=self.world(program))
            except UnreadableCodeError:
                found = None
            if len(self._followed) >= _MAX_FOLLOWED:
                return found
            self._followed[program] = found
        return self._followed[program]

    def labelled(
        self,
        program: Program,
        label: LabelSource,
        pick: PartPicker = lambda found, _key: found,
    ) -> Followed:
        """What a Python program calls and makes, with what `label` says of its calls
        (`interpret`). Where that is nothing, what was read for all detectors is the same.

        Raises UnreadableCodeError.
        """
        plain = self.followed(program)
        if plain is not None and not any(True for site in plain.asked for _ in label(site)):
            return plain
        return interpret(program.source, label=label, pick=pick, world=self.world(program))

    def follow_all(self) -> None:
        """Follow the programs now, before processes are forked that each would."""
        left = _MAX_SHARED
        for program in self.python:
            left -= len(program.source)
            if left < 0:
                break
            self.followed(program)

    def world(self, program: Program) -> World:
        """What a program finds around itself: the modules beside it, the environment's variables,
        and the options that the agent's commands gave it."""
        return World(
            self._modules(),
            self.environment,
            self._options(program),
            # What an evaluation put out is no text that a program puts together.
            {
                _own_path(one.file).removeprefix("./"): one.source
                for one in self.configs
                if one.file not in self.outputs
            },
            self._output(program),
            self._rebound(),
            self._all_starts().of(PurePosixPath(_own_path(program.file)).name),
            self._versions(),
        )

    def _versions(self) -> Mapping[str, tuple[str, ...]]:
        """The texts of configuration files; of those that are written in a way that is not followed
        none."""
        if self._states is None:
            found: dict[str, tuple[str, ...]] = {}
            for one in self.configs:
                name = _own_path(one.file).removeprefix("./")
                if one.source not in found.get(name, ()):
                    found[name] = (*found.get(name, ()), one.source)
            seen = {
                name: tuple(text for text in texts if not self.timeline().idle(name, text))
                for name, texts in found.items()
            }
            found = {name: texts for name, texts in seen.items() if texts}
            changed = {
                PurePosixPath(word).name
                for order in self.orders
                if not order.command.stdin
                for word in written_words(order.command)
            }
            kept = {n: t for n, t in found.items() if PurePosixPath(n).name not in changed}
            object.__setattr__(self, "_states", kept)
        return self._states or {}

    def timeline(self) -> Timeline:
        """What the trace shows of what was run."""
        if self._timeline is None:
            programs = [(_own_path(one.file), one.source) for one in self.python]
            scripts = [(_own_path(one.file), one.command.text()) for one in self.orders]
            scripts = [one for one in scripts if one[0].endswith((".sh", "akefile", "justfile"))]
            object.__setattr__(self, "_timeline", Timeline(self.turns, [*programs, *scripts]))
        return self._timeline or Timeline((), ())

    def never_ran(self, file: str, text: str) -> bool:
        """Whether the trace shows that a program did not run as it stood there."""
        return bool(self.turns) and self.timeline().never_ran(_own_path(file), text)

    def taken_back(self, file: str, text: str, made: Iterable[str]) -> bool:
        """Whether it shows that what a program, or a command of the trace, made was removed before
        anything else was run."""
        own = _own_path(file) if file.endswith(")") or file.endswith(".py") else ""
        return bool(self.turns) and self.timeline().taken_back(own, text, made)

    def _modules(self) -> Mapping[str, str]:
        if not self._by_module:
            found: dict[str, list[Program]] = {}
            for program in self.python:
                for name in _module_names(program.file):
                    found.setdefault(name, []).append(program)
            for name, versions in found.items():
                ran = (one for one in versions if not self.never_ran(one.file, one.source))
                one = next(ran, versions[-1]) if len(versions) > 1 else versions[0]
                self._by_module[name] = one.source
        return self._by_module

    def _all_starts(self) -> Starts:
        if self._starts is None:
            made = Starts(
                (order.command for order in self.orders),
                ((PurePosixPath(_own_path(one.file)).name, one.source) for one in self.python),
                self.environment,
            )
            object.__setattr__(self, "_starts", made)
            return made
        return self._starts

    def _rebound(self) -> frozenset[str]:
        """Names that a program gives another's module, and words of commands that edit files."""
        if self._set_names is None:
            found = {
                name for one in self.python for names in _SETS.findall(one.source) for name in names
            }
            for order in self.orders:
                if order.command.program in _EDITORS:
                    found.update(_WORD.findall(order.command.text()))
            object.__setattr__(self, "_set_names", frozenset(found))
        return self._set_names or frozenset()

    def _output(self, program: Program) -> tuple[str, ...]:
        """The data files that the shell sends this file's output to."""
        name = PurePosixPath(_own_path(program.file)).name
        targets = list(program.output)
        if name.endswith(".py"):
            targets += self._redirected_scripts().get(name, ())
        named = ((PurePosixPath(target).name, target) for target in targets)
        return tuple(t for n, t in named if n.endswith(_DATA) and is_training_file(n))[:8]

    def _redirected_scripts(self) -> Mapping[str, list[str]]:
        """The files that commands with a script among their words send their output to."""
        if self._sent is None:
            found: dict[str, list[str]] = {}
            for order in self.orders:
                for target in redirected(order.command):
                    for word in (*order.command.words[:6], *order.command.piped[:6]):
                        if word.endswith(".py"):
                            found.setdefault(word.rpartition("/")[2], []).append(target)
            object.__setattr__(self, "_sent", found)
        return self._sent or {}

    def _started(self) -> Mapping[str, list[tuple[str, ...]]]:
        """The words of the commands that have a script among their first words, by its name."""
        if self._starting is None:
            found: dict[str, list[tuple[str, ...]]] = {}
            for order in self.orders:
                words = order.command.words
                for name in {word.rpartition("/")[2] for word in words[:6]}:
                    if name.endswith(".py"):
                        found.setdefault(name, []).append(words)
            object.__setattr__(self, "_starting", found)
        return self._starting or {}

    def _options(self, program: Program) -> Mapping[str, tuple[str, ...]]:
        """Values of `--name value` on the command lines that start this file."""
        name = PurePosixPath(_own_path(program.file)).name
        found: dict[str, tuple[str, ...]] = {}
        if not name.endswith(".py"):
            return found
        for words in self._started().get(name, ()):
            for option, values in options_in(words).items():
                found[option] = (*found.get(option, ()), *values)[:8]
        return found


def _own_path(name: str) -> str:
    """`trace/stdout.log (prep.py)` is the text of prep.py."""
    return name.rpartition(" (")[2].removesuffix(")") if name.endswith(")") else name


def _module_names(name: str) -> Iterator[str]:
    """How a file is imported: `prep`, `lib.prep`."""
    path = PurePosixPath(_own_path(name))
    if path.suffix != ".py":
        return
    parts = [part for part in path.with_suffix("").parts if part not in ("/", "..")]
    if parts and parts[-1] == "__init__":
        parts.pop()
    for start in range(len(parts) - 1, max(-1, len(parts) - 4), -1):
        yield ".".join(parts[start:])


def program_flag(
    detector: str,
    kind: str,
    message: str,
    program: Program,
    number: int,
    decides: bool,
    confidence: float,
) -> Flag:
    """A flag on line `number` of a program's source."""
    return Flag(
        detector=detector,
        kind=kind,
        message=printable(f"{program.file}: {message}"),
        decides=decides,
        file=program.file,
        line=program.line(number),
        excerpt=program.shown(number),
        confidence=confidence,
    )


def order_flag(
    detector: str, kind: str, message: str, order: ShellCommand, decides: bool, confidence: float
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

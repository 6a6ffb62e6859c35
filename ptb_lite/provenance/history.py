"""What a record says, as a structure that does not change: programs, their acts on files, chains.

A chain leads from a file over the programs that read it or what was made of it. That a program read
one file and wrote another is what was seen; that content went from one to the other is likely, and
to be shown by their content. Pipes between programs, standard output into a file and the memory
that a fork shares are followed; sockets, and descriptors that are handed over, are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from ptb_lite.provenance.record import (
    Act,
    Began,
    Counts,
    FileLine,
    Line,
    ProcessLine,
    Said,
    TextLine,
    read_lines,
)

MAX_CHAINS = 200
_MAX_HOPS = 12
_TRAINING = re.compile(r"(?:^|/)ptb-lite-train$|^ptb_lite\.training(?:\.main)?$")
_WEIGHTS = re.compile(r"\.safetensors$|(?:^|/)(?:pytorch_model|model|adapter_model)[^/]*\.bin$")
_HARNESS = re.compile(r"(?:^|/)evaluate\.py$")


@dataclass(frozen=True)
class Program:
    """One program in one process. `parent` and `before` are entries: of the process above, and of
    what this very process was before. `text` is the hash of a copy of a program that
    has no file."""

    entry: int
    at: float
    pid: int
    command: tuple[str, ...]
    parent: int | None = None
    before: int | None = None
    stdin: str = ""
    stdout: str = ""
    text: str = ""
    forked: bool = False

    def words(self, limit: int = 120) -> str:
        """Its command line in one line."""
        text = " ".join(" ".join(self.command).split())
        return text if len(text) <= limit else f"{text[: limit - 1]}…"


@dataclass(frozen=True)
class FileAct:
    """What the program of `entry` did to a file; `path` is relative to the workspace where it lies
    there. `sha256` is that of the content before, `kept` whether a copy was."""

    at: float
    act: Act
    entry: int
    path: str
    inode: str = ""
    sha256: str = ""
    kept: bool = False
    to: str = ""


@dataclass(frozen=True)
class Hop:
    """A program that read `source` and wrote `target`; the last of a chain only read."""

    program: Program
    source: str
    target: str = ""
    source_sha256: str = ""


@dataclass(frozen=True)
class Chain:
    """From a file to a program that trains. `hops` has at least two: what made the training file,
    and the training; or one, of a training that read the file itself."""

    hops: tuple[Hop, ...]

    @property
    def source(self) -> Hop:
        return self.hops[0]

    @property
    def end(self) -> Hop:
        return self.hops[-1]

    def sentence(self) -> str:
        """`process 4711 (python prep.py) read eval_out.json and wrote train.jsonl, which process
        4712 (ptb-lite-train ...) read`."""
        first, *others = self.hops
        text = _does(first)
        for hop in others:
            text += f", which {_does(hop, named=False)}"
        return text


@dataclass(frozen=True)
class History:
    """All that a record holds. `problems` say what it lacks, `counts` what it cost."""

    programs: Mapping[int, Program]
    acts: tuple[FileAct, ...]
    problems: tuple[str, ...] = ()
    calls: int = 0
    cpu_seconds: float = 0.0
    _trainings: frozenset[int] = field(default=frozenset(), repr=False)

    def trainings(self) -> frozenset[int]:
        """The programs that train: by their name, or since they wrote weights."""
        return self._trainings

    def only_trains(self, program: Program) -> bool:
        """Whether it is `ptb-lite-train`, which reads nothing but a model and training data."""
        return _is_trainer(program)

    def is_of_harness(self, program: Program) -> bool:
        """Whether it runs `evaluate.py`."""
        return any(_HARNESS.search(word) for word in program.command[:4])

    def chains(self, is_source: Callable[[str], bool]) -> tuple[Chain, ...]:
        """The chains from files of these names to programs that train, one for each training and
        source. A program of the harness passes nothing on: its output is a source by its name."""
        walk = _Walk(self, is_source)
        return tuple(walk.chains())[:MAX_CHAINS]

    def written_by_harness(self) -> frozenset[str]:
        """The files that programs which run `evaluate.py` wrote, their standard output included."""
        own = {entry for entry, each in self.programs.items() if self.is_of_harness(each)}
        written = {a.path for a in self.acts if a.act in ("write", "append") and a.entry in own}
        streams = {self.programs[entry].stdout for entry in own}
        return frozenset(
            written | {each for each in streams if not each.startswith("pipe:")} - {""}
        )

    def read_by(self, entry: int) -> Iterator[FileAct]:
        """What a program read."""
        return iter(self._reads.get(entry, ()))

    @cached_property
    def _reads(self) -> Mapping[int, list[FileAct]]:
        found: dict[int, list[FileAct]] = {}
        for act in self.acts:
            if act.act == "read":
                found.setdefault(act.entry, []).append(act)
        return found

    def lost(self) -> Iterator[FileAct]:
        """What was removed or overwritten and is kept, and files of folders that end with all."""
        kept = (act for act in self.acts if act.kept and act.sha256)
        return (act for act in kept if act.act != "read" or act.path.startswith("/"))


def read_history(folder: Path) -> History:
    """The history of a record's folder. Raises OSError where there is none."""
    return history_of(read_lines(folder))


def history_of(lines: Iterable[Line]) -> History:
    """The history that these lines tell."""
    programs: dict[int, Program] = {}
    acts: list[FileAct] = []
    problems: list[str] = []
    workspace, offset, highest, calls, seconds = "", 0, 0, 0, 0.0
    for line in lines:
        match line:
            case Began():
                # Each turn of an agent numbers its programs anew.
                workspace, offset = line.workspace.rstrip("/") + "/", highest
            case ProcessLine():
                entry = offset + line.entry
                highest = max(highest, entry)
                programs[entry] = Program(
                    entry,
                    line.at,
                    line.pid,
                    line.command,
                    None if line.parent is None else offset + line.parent,
                    None if line.before is None else offset + line.before,
                    line.stdin.removeprefix(workspace),
                    line.stdout.removeprefix(workspace),
                    line.text,
                    line.forked,
                )
            case FileLine() if offset + line.entry in programs:
                acts.append(
                    FileAct(
                        line.at,
                        line.act,
                        offset + line.entry,
                        line.path.removeprefix(workspace),
                        line.inode,
                        line.sha256,
                        line.kept,
                        line.to.removeprefix(workspace),
                    )
                )
            case TextLine() if offset + line.entry in programs:
                entry = offset + line.entry
                programs[entry] = replace(programs[entry], text=line.sha256)
            case Counts():
                calls, seconds = calls + line.calls, seconds + line.cpu_seconds
                problems += _left_out(line)
            case Said(kind="off" | "lost" | "fault") if line.reason:
                problems.append(line.reason)
    return History(
        programs, tuple(acts), tuple(dict.fromkeys(problems)), calls, seconds,
        frozenset(_trainings(programs, acts)),
    )  # fmt: skip


def _left_out(counts: Counts) -> Iterator[str]:
    if counts.lines_left_out:
        yield f"{counts.lines_left_out} lines beyond the bounds were left out"
    if counts.copies_left_out:
        yield f"{counts.copies_left_out} copies beyond the bounds were left out"


def _trainings(programs: Mapping[int, Program], acts: Iterable[FileAct]) -> set[int]:
    """By name or by the weights that they wrote; with them what they forked, which may load the
    data, and what their process became."""
    found = {program.entry for program in programs.values() if _is_trainer(program)}
    for act in acts:
        written = act.path if act.act in ("write", "append") else act.to
        if act.act in ("write", "append", "rename") and _WEIGHTS.search(written):
            found.add(act.entry)
    for entry in sorted(programs):
        program = programs[entry]
        if program.before in found or (program.forked and program.parent in found):
            found.add(entry)
    return found


def _is_trainer(program: Program) -> bool:
    return any(_TRAINING.search(word) for word in program.command[:4])


def _does(hop: Hop, *, named: bool = True) -> str:
    who = f"process {hop.program.pid} ({hop.program.words()})"
    read = f"read {hop.source}" if named else "read"
    return f"{who} {read}" + (f" and wrote {hop.target}" if hop.target else "")


class _Walk:
    """What is made of sources, in the order of time."""

    def __init__(self, history: History, is_source: Callable[[str], bool]) -> None:
        self._history, self._is_source = history, is_source
        self._files: dict[str, tuple[Hop, ...]] = {}
        self._holders: dict[int, tuple[Hop, ...]] = {}
        self._opened: dict[int, list[FileAct]] = {}
        self._found: dict[tuple[int, str], Chain] = {}
        self._readers: dict[str, list[Program]] = {}
        self._children: dict[int, list[Program]] = {}
        self._became: dict[int, Program] = {}
        for program in history.programs.values():
            if program.before is not None:
                self._became[program.before] = program
            if program.stdin.startswith("pipe:"):
                self._readers.setdefault(program.stdin, []).append(program)
            if program.forked and program.parent is not None:
                self._children.setdefault(program.parent, []).append(program)

    def chains(self) -> Iterator[Chain]:
        for act in self._history.acts:
            program = self._history.programs[act.entry]
            if act.act == "read":
                self._read(program, act)
            elif act.act in ("write", "append"):
                self._write(program, act)
            elif act.act in ("rename", "link"):
                if (made := self._made_of(act)) is not None:
                    self._files[act.to] = made
                elif act.act == "rename":
                    self._files.pop(act.to, None)
            elif act.act == "delete":
                self._files.pop(act.path, None)
        yield from self._found.values()

    def _made_of(self, act: FileAct) -> tuple[Hop, ...] | None:
        """How a file came to be, as far as it is made of a source; () for a source itself."""
        for key in (act.path, act.inode):
            if key and key in self._files:
                return self._files[key]
        return () if self._is_source(act.path) else None

    def _read(self, program: Program, act: FileAct) -> None:
        made = self._made_of(act)
        if made is None or len(made) >= _MAX_HOPS:
            return
        if act.inode:
            # Its other names are it, too.
            self._files.setdefault(act.inode, made)
        hop = Hop(program, act.path, source_sha256=act.sha256)
        if program.entry in self._history.trainings():
            first = made[0].source if made else act.path
            self._found.setdefault((program.entry, first), Chain((*made, hop)))
        if not (self._history.is_of_harness(program) or self._history.only_trains(program)):
            self._hold(program, (*made, hop))

    def _hold(self, program: Program, hops: tuple[Hop, ...]) -> None:
        """The program has read what is made of a source: what it writes may hold it."""
        waiting = [(program, hops)]
        while waiting:
            program, hops = waiting.pop()
            if program.entry in self._holders:
                continue
            self._holders[program.entry] = hops
            for act in self._opened.get(program.entry, ()):
                self._made(act, hops)
            out = program.stdout
            if out.startswith("pipe:"):
                waiting += self._passed_on(hops, out)
            elif out and not out.startswith("/"):
                self._made(FileAct(program.at, "write", program.entry, out), hops)
            waiting += [(child, hops) for child in self._children.get(program.entry, ())]

    def _passed_on(
        self, hops: tuple[Hop, ...], pipe: str
    ) -> Iterator[tuple[Program, tuple[Hop, ...]]]:
        """The programs at the other end of a pipe."""
        for reader in self._readers.get(pipe, ()) if len(hops) < _MAX_HOPS else ():
            if not self._is_above(reader, hops[-1].program):
                yield reader, (*hops[:-1], _with(hops[-1], "a pipe"), Hop(reader, pipe))

    def _is_above(self, program: Program, other: Program) -> bool:
        """Whether a program started the other: an agent reads what all of its commands say."""
        parent, seen = other.parent, 0
        while parent is not None and seen < 64:
            if parent == program.entry:
                return True
            above = self._history.programs.get(parent)
            parent, seen = (above.parent if above else None), seen + 1
        return False

    def _write(self, program: Program, act: FileAct) -> None:
        self._opened.setdefault(program.entry, []).append(act)
        hops = self._holders.get(program.entry) or self._held_later(program, act.path)
        if hops is not None:
            self._made(act, hops)
        elif act.act == "write":
            self._files.pop(act.path, None)
            self._files.pop(act.inode, None)

    def _held_later(self, program: Program, path: str) -> tuple[Hop, ...] | None:
        """How what the program became came to hold a source, where it writes to `path`: a shell
        opens `> file` before it becomes the command, and the pipe's writer may be quicker."""
        later, seen = self._became.get(program.entry), 0
        while later is not None and seen < 64:
            if later.stdout == path and later.entry in self._holders:
                return self._holders[later.entry]
            later, seen = self._became.get(later.entry), seen + 1
        return None

    def _made(self, act: FileAct, hops: tuple[Hop, ...]) -> None:
        if self._is_source(act.path):
            return
        made = (*hops[:-1], _with(hops[-1], act.path))
        self._files[act.path] = made
        if act.inode:
            self._files[act.inode] = made


def _with(hop: Hop, target: str) -> Hop:
    return Hop(hop.program, hop.source, target, hop.source_sha256)

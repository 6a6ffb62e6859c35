"""What of the agent's programs was ever run, and what was taken back, as far as its trace tells.

A program that was written, never started as it stood, and then changed or removed has done nothing.
Nor has a file that was made and removed again before anything else was run. Both are told only
where the trace shows every act: a command that might start a program counts as one that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ptb_lite.audit.code.shell import Command, read_shell, redirected
from ptb_lite.audit.evidence.acts import heredoc_target
from ptb_lite.audit.evidence.edited_files import EditedFiles
from ptb_lite.audit.evidence.prose import Turn

_HARMLESS = {
    "cat", "head", "tail", "less", "more", "wc", "ls", "rm", "grep", "rg", "diff", "cmp", "chmod",
    "echo", "touch", "black", "ruff", "isort", "flake8", "mypy", "pylint", "md5sum", "sha256sum",
    "stat", "file", "du", "df", "tree", "mkdir", "cd", "pwd", "true", "sleep", "date", "which",
    "nvidia-smi", "free", "ps", "sed", "nl", "jq", "rmdir", "bat",
}  # fmt: skip
_LOOKS = {"add", "commit", "diff", "status", "log", "rm", "show", "init"}
_CHECKS = {"py_compile", "pyflakes", "black", "ruff", "mypy", "compileall", "json.tool"}
_NAMED = re.compile(r"[\w-]+")
_MAX_ACTS = 50_000
_MAX_NAMES = 200


@dataclass(frozen=True)
class _Act:
    """A file as it was written, or a command; neither: what nobody can see, such as a sub-agent's
    work."""

    path: str = ""
    text: str = ""
    command: Command | None = None

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


class Timeline:
    """Of one trace. `sources` are all programs and scripts, each by its file's name."""

    def __init__(self, turns: Iterable[Turn], sources: Sequence[tuple[str, str]]) -> None:
        self._acts: list[_Act] = []
        self._sources = sources
        edited = EditedFiles()
        for turn in turns:
            if len(self._acts) > _MAX_ACTS:
                self._acts = []
                break
            self._acts += _acts_of(turn, edited)

    def never_ran(self, path: str, text: str) -> bool:
        """Whether nothing started a program while its file held this text (a script of the shell:
        whatever it held), though it was changed or removed later, or other programs were started.
        Cells of notebooks are run by what no trace shows."""
        name = PurePosixPath(path).name
        stem, _, suffix = name.rpartition(".")
        if not stem or suffix not in ("py", "sh"):
            return False
        whole = suffix == "sh"
        written = [at for at, act in enumerate(self._acts) if act.name == name]
        held = [at for at in written if whole or self._acts[at].text.strip() == text.strip()]
        starters = self._starters(stem)
        return bool(held) and all(
            self._left_alone(at, name, starters, whole=whole)
            for at in (held[:1] if whole else held)
        )

    def _left_alone(self, start: int, name: str, starters: set[str], *, whole: bool) -> bool:
        others = {PurePosixPath(file).stem for file, _ in self._sources} - starters
        gone = used = False
        for act in self._acts[start + 1 :]:
            if _may_start(act, starters):
                return False
            if act.name == name and not whole:
                return True
            command = act.command
            if command is not None and command.program == "rm":
                gone = any(PurePosixPath(word).name == name for word in command.words)
            if gone and not whole:
                return True
            used = used or _may_start(act, others)
        return gone or used

    def idle(self, path: str, text: str) -> bool:
        """Whether nothing at all was run while a file held this text."""
        name = PurePosixPath(path).name
        written = [at for at, act in enumerate(self._acts) if act.name == name]
        held = [at for at in written if self._acts[at].text.strip() == text.strip()]
        ends = [next((other for other in written if other > at), None) for at in held]
        return bool(held) and all(
            end is not None and not any(map(_does, self._acts[at + 1 : end]))
            for at, end in zip(held, ends, strict=True)
        )

    def taken_back(self, path: str, text: str, made: Iterable[str]) -> bool:
        """Whether all that a program (or, without a `path`, a command of this `text`) made was
        removed or written anew before anything else was run."""
        names = {PurePosixPath(one).name for one in made}
        stem = PurePosixPath(path).stem
        if path:
            runs = list(self._runs(PurePosixPath(path).name, stem, text))
        else:
            runs = [at for at, act in enumerate(self._acts)
                    if act.command and act.command.text() == text]  # fmt: skip
        return bool(runs and names) and all(
            self._undone(at + 1, names, stem if path else "", text) for at in runs
        )

    def _runs(self, name: str, stem: str, text: str) -> Iterator[int]:
        starters, holds = self._starters(stem), False
        for at, act in enumerate(self._acts):
            if act.name == name:
                holds = act.text.strip() == text.strip()
            elif holds and _may_start(act, starters):
                yield at

    def _undone(self, start: int, names: set[str], stem: str, text: str) -> bool:
        left, now = set(names), text
        for act in self._acts[start:]:
            if PurePosixPath(act.path).stem == stem:
                now = act.text
            command = act.command
            if command is not None:
                left -= {PurePosixPath(word).name for word in _replaced(command)}
            if not left:
                return True
            if not _does(act):
                continue
            anew = stem and now.strip() != text.strip() and _may_start(act, {stem})
            return bool(anew) and all(one in now for one in left) and not _APPENDS.search(now)
        return False

    def _starters(self, stem: str) -> set[str]:
        """The names whose start may start it: its own, and those of programs that name it."""
        found, waiting = {stem}, [stem]
        while waiting and len(found) < _MAX_NAMES:
            one = re.compile(rf"(?<![\w-]){re.escape(waiting.pop())}(?![\w-])")
            for file, source in self._sources:
                other = PurePosixPath(file).stem
                if other not in found and one.search(source):
                    found.add(other)
                    waiting.append(other)
        return found


_APPENDS = re.compile(r"[\"']a[bt+]?[\"']")


def _acts_of(turn: Turn, edited: EditedFiles) -> Iterator[_Act]:
    match turn.kind:
        case "asked":
            yield _Act()
        case "wrote":
            yield _Act(turn.path, edited.after(turn))
        case "command":
            for command in read_shell(turn.text)[0]:
                target = heredoc_target(command)
                changed = list(edited.after_command(command))
                if target:
                    edited.wrote(target, command.stdin)
                    yield _Act(target, command.stdin)
                elif changed:
                    yield from (_Act(path, after) for path, after in changed)
                else:
                    yield _Act(command=command)


def _does(act: _Act) -> bool:
    """Whether an act may run a program."""
    command = act.command
    if command is None:
        return not act.path
    if not command.words:
        return False
    if command.program in _HARMLESS:  # unless it writes what may be a script
        return any(target != "/dev/null" for target in redirected(command))
    match command.words:
        case ["git", verb, *_] if verb in _LOOKS:
            return False
        case [_, "-m", module, *_] if module in _CHECKS:
            return False
    return True


def _may_start(act: _Act, names: set[str]) -> bool:
    if not _does(act):
        return False
    command = act.command
    if command is None or command.program in ("make", "just", "tox", "nox", "pytest"):
        return True
    words = f"{command.text()} {command.stdin} {' '.join(command.piped)}"
    return bool(set("*$`") & set(command.text())) or not names.isdisjoint(_NAMED.findall(words))


def _replaced(command: Command) -> Iterator[str]:
    """The files that a command removes, or writes from their beginning."""
    words = command.words
    if command.program == "rm":
        yield from words[1:]
    if command.program in ("cp", "mv") and len(words) > 2:
        yield words[-1]
    if not any(">>" in word for word in words):
        yield from redirected(command)

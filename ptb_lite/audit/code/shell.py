"""Shell text as commands: words with variables put in, programs given to interpreters taken out.

Not a shell: loops and functions are read as plain lists of commands, which is enough to see what
is called. Nothing is run, and what cannot be split is one command of its words.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ptb_lite.audit.code.shell_branches import Outside, Rounds
from ptb_lite.audit.code.shell_words import HERE, logical_lines, split

MAX_SHELL = 1 << 20
_MAX_COMMANDS = 20_000
# Words of a pipeline that each of its commands carries: what it began with, and what came last.
_PIPED_ENDS = 25
_SHELLS = {"sh", "bash", "zsh", "dash", "ash"}
_PREFIXES = {
    "sudo", "env", "exec", "nohup", "time", "command", "then", "do", "else", "if", "while", "!",
    "{", "nice", "stdbuf", "xargs", "setsid", "eval", "until", "elif", "timeout", "ionice",
    "taskset", "unbuffer", "chrt",
}  # fmt: skip
# Prefixes whose own options and numbers stand before the program, and those with a verb of theirs.
_WITH_OPTIONS = {"sudo", "env", "nice", "stdbuf", "xargs", "timeout", "ionice", "taskset", "chrt"}
_VERBS = {
    "uv": {"run"}, "poetry": {"run"}, "pipenv": {"run"}, "conda": {"run"}, "mamba": {"run"},
    "micromamba": {"run"}, "docker": {"exec"}, "accelerate": {"launch"}, "pixi": {"run"},
}  # fmt: skip
_TAKES_VALUE = {
    "-n", "--name", "-u", "-p", "-k", "-s", "--signal", "-c", "-o", "-e", "-i", "--with", "-C",
    "--num_processes", "--config_file", "--python", "--env", "-w", "--cpu-list",
}  # fmt: skip
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_EXPORTS = {"export", "declare", "local", "readonly", "set"}
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::-([^}]*))?\}|([A-Za-z_]\w*))")
_PYTHON = re.compile(r"(?:.*/)?(?:python|ipython|pypy)[\d.]*$")
_RUN_OPTION = re.compile(r"-[a-zA-Z]{0,4}c")
_DURATION = re.compile(r"\d+(?:\.\d+)?[smhd]?|0x[0-9a-f]+")


@dataclass(frozen=True)
class Command:
    """One command. `words[0]` is the program, without a path; `assigned` the variables set for
    it (or, when there are no words, for what follows); `stdin` the text handed to it; `piped` the
    words of the commands whose output it reads."""

    words: tuple[str, ...]
    line: int
    assigned: tuple[tuple[str, str], ...] = ()
    stdin: str = ""
    piped: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2] if self.words else ""

    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Embedded:
    """A program inside a shell text: `python -c`, or what a here-document hands to Python; `output`
    are the files that its output goes to. `spread`: its lines are those of the shell text."""

    source: str
    line: int
    output: tuple[str, ...] = ()
    spread: bool = True


def read_shell(
    text: str,
    first_line: int = 1,
    variables: Mapping[str, str] | None = None,
    words: Sequence[str] | None = None,
    unset: Callable[[str], bool] = lambda _name: False,
    sourced: Callable[[str], Mapping[str, str] | None] = lambda _path: None,
) -> tuple[list[Command], list[Embedded]]:
    """The commands of a script or command line that may run, and the Python programs inside it.
    `variables` are set before it begins, `words` are what it is started with (None: not known),
    `unset` tells of a variable that nothing else sets, and `sourced` of a file which variables it
    sets (None: not known)."""
    reader = _Reader(variables or {}, words, Outside(unset, sourced))
    reader.script(text[:MAX_SHELL], first_line, 0)
    return reader.commands, reader.programs


def redirected(command: Command) -> Iterator[str]:
    """The files that a command's output goes to."""
    words = command.words
    for position, word in enumerate(words):
        if word in (">", ">>", ">|") and position + 1 < len(words):
            yield words[position + 1]
        elif word.startswith(">") and len(word.lstrip(">|")) > 1:
            yield word.lstrip(">|")
    if command.program == "tee":
        yield from (word for word in words[1:] if not word.startswith("-"))


class _Reader:
    def __init__(
        self,
        variables: Mapping[str, str],
        words: Sequence[str] | None,
        outside: Outside,
    ) -> None:
        self._positional, self._outside = words, outside
        self.commands: list[Command] = []
        self.programs: list[Embedded] = []
        self._variables = dict(variables)
        # What variables may add in all: "A=$A$A" on every line would double it each time.
        self._room = MAX_SHELL

    def script(self, text: str, first: int, depth: int) -> None:
        if depth > 4:
            return
        branches = Rounds(text, self._positional, self._outside)
        for line, logical, documents in logical_lines(text, first):
            if len(self.commands) > _MAX_COMMANDS:
                return
            start = len(self.commands)
            piped: tuple[str, ...] = ()
            waiting = list(documents)
            passed: list[tuple[int, str]] = []
            branches.told(told="$(" not in logical and "`" not in logical)
            for words, behind in split(logical):
                marks = sum(word == HERE for word in words)
                own, waiting = waiting[:marks], waiting[marks:]
                words = [word for word in words if word != HERE]
                ways = branches.may_run(words, behind) if words or behind else []
                if not ways or not words:
                    continue
                pipes_on = behind in ("|", "|&")
                handed = own or passed
                for way in ways:
                    self._variables |= way
                    self._command(words, line, handed, depth, piped)
                passed = handed if pipes_on and words[:1] in (["cat"], ["tee"]) else []
                piped = _both_ends((*piped, *words)) if pipes_on else ()
            self._decoded(self.commands[start:], line, depth)

    def _command(
        self,
        words: list[str],
        line: int,
        documents: list[tuple[int, str]],
        depth: int,
        piped: tuple[str, ...] = (),
    ) -> None:
        assigned: list[tuple[str, str]] = []
        words = [self._expand(word) for word in words]
        while words:
            match = _ASSIGNMENT.fullmatch(words[0])
            program = words[0].rpartition("/")[2]
            if match:
                assigned.append((match[1], match[2]))
            elif program in _VERBS and len(words) > 2 and words[1] in _VERBS[program]:
                del words[1]
                _drop_options(words)
            elif words[0] in ("set", "local", "declare") and not any("=" in w for w in words[1:2]):
                words = []
                break
            elif program in _WITH_OPTIONS:
                _drop_options(words)
            elif words[0] not in _PREFIXES and words[0] not in _EXPORTS:
                break
            del words[0]
        if not words:
            self._variables.update(assigned)
        if not words and not assigned:
            return
        stdin = documents[0][1] if documents else ""
        if "<<<" in words[:-1]:
            stdin = words[words.index("<<<") + 1]
        expanded = tuple(self._expand(word) for word in piped)
        command = Command(tuple(words), line, tuple(assigned), stdin, expanded)
        self.commands.append(command)
        self._inner(command, documents, depth)

    def _inner(self, command: Command, documents: list[tuple[int, str]], depth: int) -> None:
        """What is run by what is run."""
        option = _program_text(command.words)
        handed = documents or ([(command.line, command.stdin)] if command.stdin else [])
        if command.program in _SHELLS:
            if option:
                self.script(option, command.line, depth + 1)
            for line, text in handed:
                self.script(text, line, depth + 1)
        elif _PYTHON.fullmatch(command.program):
            output = tuple(redirected(command))
            if option:
                self.programs.append(Embedded(option, command.line, output))
            self.programs += [Embedded(text, line, output) for line, text in handed]
            if not handed and command.piped[:1] in (("echo",), ("printf",)):
                self.programs.append(Embedded(command.piped[-1], command.line, output))
        elif command.program in ("ssh", "watch", "flock") and len(command.words) > 2:
            rest = list(command.words[1:])
            while len(rest) > 1 and (rest[0].startswith("-") or rest[0][:1].isdigit()):
                del rest[0]
            self.script(shlex.join(rest), command.line, depth + 1)

    def _decoded(self, commands: list[Command], line: int, depth: int) -> None:
        """`echo ... | base64 -d | sh`."""
        for one, other in pairwise(commands):
            decodes = other.program == "base64" and {"-d", "--decode", "-D"} & set(other.words)
            if decodes and one.program in ("echo", "printf") and len(one.words) > 1:
                try:
                    text = base64.b64decode(one.words[-1]).decode("utf-8")
                except (binascii.Error, ValueError):
                    continue
                began, given = len(self.commands), len(self.programs)
                self.script(text, line, depth + 1)
                # The lines of what was encoded are no lines of this text.
                self.commands[began:] = [replace(c, line=line) for c in self.commands[began:]]
                self.programs[given:] = [
                    replace(p, line=line, spread=False) for p in self.programs[given:]
                ]

    def _expand(self, word: str) -> str:
        def put_in(match: re.Match[str]) -> str:
            name = match[1] or match[3]
            value = self._variables.get(name, match[2] or match[0])
            self._room -= len(value)
            return value if self._room > 0 else match[0]

        return _VARIABLE.sub(put_in, word) if "$" in word else word


def _both_ends(words: tuple[str, ...]) -> tuple[str, ...]:
    """Bounded: all words at every command of a long pipeline would be their square."""
    if len(words) <= 2 * _PIPED_ENDS:
        return words
    return (*words[:_PIPED_ENDS], *words[-_PIPED_ENDS:])


def _program_text(words: tuple[str, ...]) -> str:
    """The program given by `-c`, alone or among other letters (`-lc`, `-uc`)."""
    for one, other in pairwise(words):
        if _RUN_OPTION.fullmatch(one):
            return other
        if not one.startswith("-") and one != words[0]:
            return ""
    return ""


def _drop_options(words: list[str]) -> None:
    """Take away what stands between a prefix (`words[0]`) and the program that it starts."""
    while len(words) > 1:
        word = words[1]
        if word in _TAKES_VALUE and len(words) > 2:
            del words[1:3]
        elif word.startswith("-") or _DURATION.fullmatch(word):
            del words[1]
        else:
            return

"""How the commands that were seen start a program: its words, and the variables that it gets."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from ptb_lite.audit.code.shell import Command
from ptb_lite.audit.code.switches.start import Start

_MAX_WORDS = 12
_MAX_STARTS = 200
_RUNS = re.compile(r"python[\d.]*|pypy[\d.]*|uv|accelerate|torchrun|deepspeed|poetry|nice|time|env")
# What moves a program, or starts it with words that are not told.
_HIDES = {"cp", "mv", "ln", "install", "rsync", "xargs", "parallel", "find", "watch", "make"}
_NAME = re.compile(r"[\w-]+\.py\b")
_SET = re.compile(r"(\w+)=(.*)", re.DOTALL)
_SENT = re.compile(r"\d*&?[<>]")
UNTOLD = "$"
"""The value of a variable that was set to more than one."""


class Starts:
    """All starts in `commands`; `sources` are programs by the name of their file, and `environment`
    variables that files set."""

    def __init__(
        self,
        commands: Iterable[Command],
        sources: Iterable[tuple[str, str]],
        environment: Mapping[str, str],
    ) -> None:
        self._commands: dict[str, list[tuple[int, Command]]] = defaultdict(list)
        values: dict[str, set[str]] = {name: {value} for name, value in environment.items()}
        for command in commands:
            for place, word in enumerate(command.words[:_MAX_WORDS]):
                if word.endswith(".py"):
                    self._commands[word.rpartition("/")[2]].append((place, command))
                elif place and command.words[place - 1] == "-m":
                    script = f"{word.rpartition('.')[2]}.py"
                    self._commands[script].append((place, command))
            for name, value in command.assigned if not command.words else ():
                values.setdefault(name, set()).add(value)
        self._variables = {
            name: next(iter(found)) if len(found) == 1 else UNTOLD for name, found in values.items()
        }
        self._named_by: dict[str, set[str]] = defaultdict(set)
        for name, source in sources:
            for other in _NAME.findall(source):
                self._named_by[other].add(name)

    def of(self, script: str) -> tuple[Start, ...]:
        """The starts of a file by its name; none where some may not be seen: another program names
        it, or a command moves it."""
        found: list[Start] = []
        if self._named_by.get(script, set()) - {script}:
            return ()
        for place, command in self._commands.get(script, ()):
            before = command.words[:place]
            if command.program in _HIDES or command.piped or "<" in command.words:
                return ()  # xargs hands over what it reads
            if not before or any(_RUNS.fullmatch(word.rpartition("/")[2]) for word in before):
                given = {m[1]: m[2] for word in before if (m := _SET.fullmatch(word))}
                variables = {**self._variables, **dict(command.assigned), **given}
                found.append(Start(_own(command.words[place + 1 :]), variables))
        return tuple(found) if len(found) <= _MAX_STARTS else ()


def _own(words: Sequence[str]) -> tuple[str, ...]:
    """Without what the shell sends elsewhere: `> log 2>&1`."""
    return tuple(takewhile(lambda word: not _SENT.match(word), words))

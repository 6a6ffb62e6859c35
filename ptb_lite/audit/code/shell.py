"""Shell text as commands: words with variables put in, programs given to interpreters taken out.

Not a shell: loops and functions are read as plain lists of commands, which is enough to see what
is called. Nothing is run, and what cannot be split is one command of its words.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

MAX_SHELL = 1 << 20
_MAX_COMMANDS = 20_000
_SHELLS = {"sh", "bash", "zsh", "dash", "ash"}
_PREFIXES = {
    "sudo", "env", "exec", "nohup", "time", "command", "then", "do", "else", "if", "while", "!",
    "{", "nice", "stdbuf", "xargs", "setsid", "eval", "until", "elif",
}  # fmt: skip
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_EXPORTS = {"export", "declare", "local", "readonly", "set"}
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::-([^}]*))?\}|([A-Za-z_]\w*))")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_SEPARATORS = {";", "&&", "||", "|", "&", "(", ")", ";;", "|&", "\n", "$(", "`"}
_PYTHON = re.compile(r"(?:.*/)?python[\d.]*$")


@dataclass(frozen=True)
class Command:
    """One command. `words[0]` is the program, without a path; `assigned` the variables set for
    it (or, when there are no words, for what follows); `stdin` the text handed to it."""

    words: tuple[str, ...]
    line: int
    assigned: tuple[tuple[str, str], ...] = ()
    stdin: str = ""

    @property
    def program(self) -> str:
        return self.words[0].rpartition("/")[2] if self.words else ""

    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Embedded:
    """A program inside a shell text: `python -c`, or what a here-document hands to Python."""

    source: str
    line: int


def read_shell(text: str, first_line: int = 1) -> tuple[list[Command], list[Embedded]]:
    """The commands of a script or command line and the Python programs inside it."""
    reader = _Reader()
    reader.script(text[:MAX_SHELL], first_line, 0)
    return reader.commands, reader.programs


class _Reader:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.programs: list[Embedded] = []
        self._variables: dict[str, str] = {}
        # What variables may add in all: "A=$A$A" on every line would double it each time.
        self._room = MAX_SHELL

    def script(self, text: str, first: int, depth: int) -> None:
        if depth > 4:
            return
        for line, logical, documents in _logical_lines(text, first):
            if len(self.commands) > _MAX_COMMANDS:
                return
            start = len(self.commands)
            for words in _split(logical):
                self._command(words, line, documents, depth)
            self._decoded(self.commands[start:], line, depth)

    def _command(
        self, words: list[str], line: int, documents: list[tuple[int, str]], depth: int
    ) -> None:
        assigned: list[tuple[str, str]] = []
        words = [self._expand(word) for word in words]
        while words:
            match = _ASSIGNMENT.fullmatch(words[0])
            if match:
                assigned.append((match[1], match[2]))
            elif words[0] not in _PREFIXES and words[0] not in _EXPORTS:
                break
            elif words[0] in ("xargs", "nice", "stdbuf", "env"):
                while len(words) > 1 and words[1].startswith("-"):
                    del words[1]
            del words[0]
        if not words:
            self._variables.update(assigned)
        if not words and not assigned:
            return
        stdin = documents[0][1] if documents else ""
        command = Command(tuple(words), line, tuple(assigned), stdin)
        self.commands.append(command)
        self._inner(command, documents, depth)

    def _inner(self, command: Command, documents: list[tuple[int, str]], depth: int) -> None:
        """What is run by what is run."""
        option = _after(command.words, "-c") or _after(command.words, "-lc")
        if command.program in _SHELLS:
            if option:
                self.script(option, command.line, depth + 1)
            for line, text in documents:
                self.script(text, line, depth + 1)
        elif _PYTHON.fullmatch(command.program):
            if option:
                self.programs.append(Embedded(option, command.line))
            self.programs += [Embedded(text, line) for line, text in documents]
        elif command.program in ("ssh", "timeout", "watch", "flock") and len(command.words) > 2:
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
                self.script(text, line, depth + 1)

    def _expand(self, word: str) -> str:
        def put_in(match: re.Match[str]) -> str:
            name = match[1] or match[3]
            value = self._variables.get(name, match[2] or match[0])
            self._room -= len(value)
            return value if self._room > 0 else match[0]

        return _VARIABLE.sub(put_in, word) if "$" in word else word


def _after(words: tuple[str, ...], option: str) -> str:
    for one, other in pairwise(words):
        if one == option:
            return other
    return ""


def _split(logical: str) -> Iterator[list[str]]:
    """Words, command by command."""
    spaced = logical.replace("$(", " ; ").replace("`", " ; ")
    lexer = shlex.shlex(spaced, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = spaced.split()
    for token in tokens:
        if token in _SEPARATORS or (token and set(token) <= set(";&|()")):
            if words:
                yield words
            words = []
        else:
            words.append(token)
    if words:
        yield words


def _logical_lines(text: str, first: int) -> Iterator[tuple[int, str, list[tuple[int, str]]]]:
    """Lines with continuations joined and open quotes closed, and the here-documents they start."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        start, logical = number, lines[number]
        while (logical.endswith("\\") or _open_quote(logical)) and number + 1 < len(lines):
            number += 1
            joined = logical[:-1] if logical.endswith("\\") else logical + "\n"
            logical = joined + lines[number]
            if number - start > 400:
                break
        documents = []
        for match in _HEREDOC.finditer(logical):
            body = []
            begun = number + 1
            while number + 1 < len(lines) and lines[number + 1].strip() != match[2]:
                number += 1
                body.append(lines[number])
            number += 1
            documents.append((first + begun, "\n".join(body)))
        yield first + start, _HEREDOC.sub("", logical), documents
        number += 1


def _open_quote(text: str) -> bool:
    """Whether a quote is still open at the end."""
    quote, position = "", 0
    while position < len(text):
        character = text[position]
        if character == "\\" and quote != "'":
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "#" and (position == 0 or text[position - 1].isspace()):
            position = text.find("\n", position)
            if position < 0:
                return False
        position += 1
    return bool(quote)

"""The program that an interpreter is given without a file: in its words, or on standard input.

Options are told as the interpreters tell them: `-uc TEXT`, `-W error -`, `/dev/stdin`.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from ptb_lite.provenance import processes

MAX_PROGRAM = 64 << 10
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
_SHELL = re.compile(r"(?:bash|dash|sh|zsh)[\d.]*")
_OTHER = re.compile(r"(?:node|perl|ruby)[\d.]*")
_STDIN = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_SPLICE_NONBLOCK = 2


class Inline(NamedTuple):
    """`text` is a Python program among the words of a command, `stdin` says that the program is
    read from standard input; neither: it has a file."""

    text: str = ""
    stdin: bool = False


def inline(command: Sequence[str]) -> Inline:
    """Where the interpreter of a command line has its program from."""
    name = command[0].rpartition("/")[2] if command else ""
    words = list(command[1:])
    if _PYTHON.fullmatch(name):
        return _of_python(words)
    if _SHELL.fullmatch(name):
        return _of_shell(words)
    given = [word for word in words if word.startswith("-")]
    plain = given == words and not any(word in ("-c", "-m", "-e") for word in given)
    return Inline(stdin=bool(_OTHER.fullmatch(name)) and plain)


def is_python(command: Sequence[str]) -> bool:
    return bool(command) and bool(_PYTHON.fullmatch(command[0].rpartition("/")[2]))


def _of_python(words: list[str]) -> Inline:
    while words:
        word = words.pop(0)
        if word in _STDIN:
            return Inline(stdin=True)
        if word[:1] != "-":
            return Inline()
        if word.startswith("--"):
            del words[: word == "--check-hash-based-pycs"]
            continue
        for at, letter in enumerate(word[1:], 2):
            if letter == "m":
                return Inline()
            if letter == "c":
                return Inline(text=word[at:] or (words[0] if words else ""))
            if letter in "WX":
                del words[: not word[at:]]
                break
    return Inline(stdin=True)


def _of_shell(words: list[str]) -> Inline:
    while words:
        word = words.pop(0)
        if word in _STDIN or (word[:1] == "-" and word[1:2] != "-" and "s" in word):
            return Inline(stdin=True)
        if word[:1] not in ("-", "+") or (word[1:2] != "-" and "c" in word):
            return Inline()
        if word in ("-o", "+o", "-O", "+O", "--rcfile", "--init-file"):
            del words[:1]
    return Inline(stdin=True)


def waiting_on_stdin(process: int) -> bytes:
    """What a process has on standard input, as far as it is there; it stays there. Empty also for
    a terminal, and for one that cannot be opened."""
    try:
        handle = os.open(f"/proc/{process}/fd/0", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        if processes.stream_of(process, 0).startswith("pipe:"):
            return _waiting_in(handle)
        return b"" if os.isatty(handle) else os.read(handle, MAX_PROGRAM)
    except OSError:
        return b""
    finally:
        os.close(handle)


def _waiting_in(pipe: int) -> bytes:
    """What waits in another's pipe, left in it (tee(2)). Raises OSError."""
    reading, writing = os.pipe()
    try:
        size = ctypes.c_size_t(MAX_PROGRAM)
        got = ctypes.CDLL(None, use_errno=True).tee(
            pipe, writing, size, ctypes.c_uint(_SPLICE_NONBLOCK)
        )
        return os.read(reading, got) if got > 0 else b""
    finally:
        os.close(reading)
        os.close(writing)

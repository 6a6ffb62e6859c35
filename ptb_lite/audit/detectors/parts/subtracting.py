"""Commands that take the lines of one file out of another: `grep -vf`, `comm -23`, two for awk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ptb_lite.audit.code.shell import Command

_FLAGS = re.compile(r"-[A-Za-z0-9]+$")
_PATTERNS = re.compile(r"-[A-Za-z]*f$|--file$")
# The first file is read into a table, and lines of the second that are in it are left out.
_FIRST_READ = re.compile(r"NR\s*==\s*FNR|FNR\s*==\s*NR")
_LEFT_OUT = re.compile(r"!\s*\(|!\s*\w+\[|==\s*0")
_GIVEN = {"--slurpfile": 2, "--rawfile": 2}
_NEGATED = re.compile(r"\bnot\b")


def takes_out(command: Command, path: str) -> bool:
    """Whether nothing of a file that a command reads is in what it puts out."""
    words = command.words
    match command.program:
        case "grep" | "egrep" | "fgrep" | "rg" | "ggrep":
            inverts = any(_FLAGS.match(word) and "v" in word for word in words[1:])
            inverts = inverts or "--invert-match" in words
            named = [at for at, word in enumerate(words) if path in word]
            behind = all(_PATTERNS.match(words[at - 1]) or words[at].startswith("--file=")
                         for at in named)  # fmt: skip
            return inverts and bool(named) and behind
        case "comm":
            place = _place(command, path)
            flags = "".join(word for word in words[1:] if _FLAGS.match(word))
            return "3" in flags and place is not None and str(place) in flags
        case "awk" | "gawk" | "mawk":
            script = " ".join(words[1:])
            first = _place(command, path) == 1
            return first and bool(_FIRST_READ.search(script) and _LEFT_OUT.search(script))
        case "jq":
            given = [at for at, word in enumerate(words) if path in word]
            behind = all(words[at - 2] in _GIVEN for at in given if at > 1)
            return bool(given) and behind and bool(_NEGATED.search(" ".join(words)))
    return False


def _place(command: Command, path: str) -> int | None:
    """Which of the files that a command reads one is; those that come by a pipe are the first."""
    for place, word in enumerate(_files(command), 1):
        if path in word:
            return place
    return None


def _files(command: Command) -> Iterator[str]:
    sent = False
    for word in (*command.piped, *command.words[1:]):
        if not sent and not word.startswith("-") and re.fullmatch(r"[\w./-]*[./][\w./-]*", word):
            yield word
        sent = word.startswith((">", "2>"))

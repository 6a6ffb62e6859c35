"""Files as they stood after each act of the trace that wrote or edited them.

A program may be written by one tool, changed by another, run and deleted: its text is nowhere but
in the sum of these acts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ptb_lite.audit.code.shell import Command
from ptb_lite.audit.evidence.acts import edits_in_place
from ptb_lite.audit.evidence.prose import WHOLE, Turn

MAX_TEXT = 2 << 20
_MAX_ALL = 64 << 20
_MAX_BY_COMMANDS = 200
_ESCAPED = re.compile(r"\\(.)")


class EditedFiles:
    """The text of every file that the trace says was written, as far as bounds allow."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        self._room, self._by_commands = _MAX_ALL, _MAX_BY_COMMANDS

    def wrote(self, path: str, text: str) -> None:
        """Bounded in all: what is beyond is not known later."""
        key = self._key(path)
        if key not in self._texts:
            self._by_name.setdefault(key.rpartition("/")[2], []).append(key)
        grown = len(text) - len(self._texts.get(key, ""))
        if len(text) <= MAX_TEXT and grown <= self._room:
            self._texts[key] = text
            self._room -= grown

    def after(self, turn: Turn) -> str:
        """The whole file after an edit, where its text is known; else what was put in."""
        before = self._texts.get(self._key(turn.path), "")
        if turn.old in ("", WHOLE):
            after = turn.text
        elif turn.old in before:
            after = before.replace(turn.old, turn.text, 1)
        else:
            return turn.text
        if len(after) > MAX_TEXT:
            return turn.text
        self.wrote(turn.path, after)
        return after

    def after_command(self, command: Command) -> Iterator[tuple[str, str]]:
        """Path and text of the known files that a stream editor changes where they are. Its
        patterns are taken literally: none is run."""
        if not edits_in_place(command):
            return
        exchanges = [pair for word in command.words[1:] if (pair := _exchange(word))]
        for word in command.words[1:]:
            key = self._key(word)
            text = before = self._texts.get(key, "")
            for old, new in exchanges:
                text = text.replace(old, new) if len(text) <= MAX_TEXT else text
            if text != before and self._by_commands > 0 and len(text) <= MAX_TEXT:
                self._by_commands -= 1
                self.wrote(key, text)
                yield key, text

    def _key(self, path: str) -> str:
        """A file's name by a tool (from the root) and in a command (from its folder) is one."""
        plain = path.removeprefix("./")
        for known in self._by_name.get(plain.rpartition("/")[2], [])[:20]:
            if f"/{known}".endswith(f"/{plain}") or f"/{plain}".endswith(f"/{known}"):
                return known
        return plain


def _exchange(word: str) -> tuple[str, str] | None:
    """The two texts of `s/old/new/g`."""
    if len(word) < 4 or word[0] != "s" or word[1].isalnum() or word[1].isspace():
        return None
    parts = re.split(rf"(?<!\\){re.escape(word[1])}", word[2:])
    old, new = (_ESCAPED.sub(r"\1", part) for part in (*parts, "")[:2])
    return (old, new) if len(parts) > 1 and old else None

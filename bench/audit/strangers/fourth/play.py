"""Plays: what an agent does from start to end, as text with choices that a seed decides.

A play is a file of sections. `=== VERB ARGUMENT` begins one; `VERB?` happens in the cheat only and
`VERB!` in the honest twin only. Verbs:

    say                 a message
    write PATH          a file
    run COMMAND         a command on this line, its output below
    script              a command of several lines, its output after a line `--- output`
    made PATH = VALUE   a file that the last command left, its text given by the builder
    made PATH           the same, its text below
    edit PATH           old text, a line `--- new`, new text
    train PATH          a fine-tuning of the base model on that file
    score LOW..HIGH     an evaluation that prints an accuracy, in percent

Between guillemets stand choices: `a|b` draws, `x=a|b` draws and keeps the name, `x` repeats it,
`3..9` draws a number, `file:x`, `script:x` and `word:x` invent names, `?a|b` is `a` in the cheat. A
choice may hold others, and `¦` for a pipe. Parts between lines of `shuffle`, `or` and `end` come in
any order.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.audit.strangers.scene import Scene
from bench.audit.strangers.steps import Edit, Say, Shell, heredoc

PLAYS = Path(__file__).parent / "plays"
_HOLE = re.compile(r"«([^«»]*)»")
# What stands for the marks in texts that are filled in, some of which have them.
_INERT = str.maketrans("«»", "\ue000\ue001")
_BACK = str.maketrans("\ue000\ue001", "«»")
_HEAD = re.compile(r"^=== (\w+)([?!]?) ?(.*)$", re.M)
_NAMED = re.compile(r"(\w+)=")
_PARTS = re.compile(r"«shuffle»\n(.*?)«end»(?:\n|$)", re.S)
_RANGE = re.compile(r"(-?\d+)\.\.(\d+)")


@dataclass(frozen=True)
class Section:
    """One act: its verb, for whom it is (`?`, `!` or nobody's), its argument and its text."""

    verb: str
    whose: str
    argument: str
    body: str


class Draws:
    """What has been drawn for one case: every name once, the same for a cheat and its twin."""

    def __init__(self, s: Scene, cheat: bool, given: Mapping[str, str]) -> None:
        self._s, self._cheat, self._kept = s, cheat, dict(given)
        self._rng = random.Random(s.rng.random())

    def keep(self, name: str, value: str) -> None:
        self._kept[name] = value

    def name(self, text: str) -> None:
        """Draw what `text` gives names to, so that it may be used before that place, too."""
        for hole in _HOLE.findall(text):
            named = _NAMED.match(hole)
            if named and named[1] not in self._kept:
                self._kept[named[1]] = self._drawn(hole[named.end() :])

    def fill(self, text: str) -> str:
        """`text` with its parts shuffled and every hole filled; KeyError for an unknown name."""
        text = _PARTS.sub(self._shuffled, text)
        while _HOLE.search(text):
            text = _HOLE.sub(lambda found: self._hole(found[1]).translate(_INERT), text)
        return text.translate(_BACK)

    def _shuffled(self, found: re.Match[str]) -> str:
        parts = found[1].split("«or»\n")
        self._rng.shuffle(parts)
        return "".join(parts)

    def _hole(self, text: str) -> str:
        if text.startswith("?"):
            cheat, _, honest = text[1:].partition("|")
            return cheat if self._cheat else honest
        named = _NAMED.match(text)
        if named:
            return self._kept[named[1]]
        if text in self._kept:
            return self._kept[text]
        kind, colon, _ = text.partition(":")
        if colon and kind in ("file", "script", "word"):
            words = self._s.words
            made = {"file": words.data, "script": words.script, "word": words.name}[kind]()
            return self._kept.setdefault(text, made)
        if "|" not in text and not _RANGE.fullmatch(text):
            raise KeyError(text)
        return self._drawn(text)

    def _drawn(self, choices: str) -> str:
        span = _RANGE.fullmatch(choices)
        if span:
            return str(self._rng.randint(int(span[1]), int(span[2])))
        return self._rng.choice(choices.split("|")).replace("¦", "|")


def sections(name: str) -> list[Section]:
    """The sections of a play, e.g. of `loading/config_mix`."""
    text = (PLAYS / f"{name}.play").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        Section(head[1], head[2], head[3], text[head.end() + 1 : end].rstrip("\n"))
        for head, end in zip(heads, ends, strict=True)
    ]


def perform(s: Scene, name: str, cheat: bool, draws: Draws, given: Mapping[str, str]) -> None:
    """Let a play happen; `given` are the texts of files, `draws` what its holes are filled with."""
    told = sections(name)
    for section in told:
        draws.name(section.argument + section.body)
    for section in told:
        argument = draws.fill(section.argument)
        whole = section.verb == "made" and " = " in argument
        body = "" if whole else draws.fill(section.body)
        if section.whose and (section.whose == "?") != cheat:
            continue
        if section.verb == "train":
            draws.keep("data", argument)
            perform(s, given["train"], cheat, draws, given)
        elif section.verb == "score":
            percent = int(draws.fill(f"«{argument}»"))
            s.shell(given["evaluate"], json.dumps({"accuracy": percent / 100}))
        elif whole:
            path, _, value = argument.partition(" = ")
            _left(s, path, given[value])
        else:
            _act(s, section.verb, argument, body)


def _act(s: Scene, verb: str, argument: str, body: str) -> None:
    match verb:
        case "say":
            s.add(Say(body))
        case "write":
            _write(s, argument, body + "\n")
        case "run":
            s.shell(argument, body)
        case "script":
            command, _, output = body.partition("\n--- output\n")
            s.shell(command, output)
        case "made":
            _left(s, argument, body + "\n")
        case "edit":
            old, _, new = body.partition("\n--- new\n")
            s.add(Edit(argument, old, new))
        case _:
            raise ValueError(verb)


def _write(s: Scene, path: str, text: str) -> None:
    # No tool of an agent writes a whole notebook; a shell does.
    if path.endswith(".ipynb"):
        s.add(heredoc(path, text, "NOTEBOOK"))
    else:
        s.write(path, text)


def _left(s: Scene, path: str, text: str) -> None:
    last = s.steps[-1]
    assert isinstance(last, Shell), path
    s.steps[-1] = Shell(last.command, last.output, {**last.files, path: text})

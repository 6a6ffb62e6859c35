"""What an expression may be worth, as far as it can be told without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ptb_lite.audit.code.switches.start import Start, is_told, options_in

MAX_ALTERNATIVES = 16
MAX_TEXT = 1 << 20
MAX_ELEMENTS = 200_000
MAX_NAME = 2000
MAX_PARTS = 64
MAX_WEIGHT = 16 << 20
"""Bytes that one value may take, about; no function is given more."""
MAX_MADE = 64 << 20
"""Bytes that the values of one program may take, all that it ever makes together."""
_PER_ELEMENT = 48
_WIDTH = re.compile(r"%[-+ #0]*[\d*.]")
HOLE = "\ufffc"
"""Stands in a text for a part that is not known, as in `f"{name}/data"`."""


def weight(*values: Any, limit: int = MAX_WEIGHT) -> int:
    """About the bytes that values take, with all that they hold; above `limit` any number above it.

    What is held twice counts twice, as it does for whoever goes through it.
    """
    total, pending = 0, list(values)
    while pending and total <= limit:
        value = pending.pop()
        total += _PER_ELEMENT
        match value:
            case str() | bytes() | bytearray():
                total += len(value)
            case list() | tuple() | set():
                total += len(value)
                if total <= limit:
                    pending += value
            case dict():
                total += len(value)
                if total <= limit:
                    pending += [*value.keys(), *value.values()]
            case int():
                total += value.bit_length() // 8
    return total


@dataclass(frozen=True)
class Label:
    """Where data came from: the line that loaded it, what that is called, and which part of it
    (a split) where the code picked one."""

    origin: str
    line: int
    part: str = ""
    within: tuple[str, ...] = ()
    """The parts that it is made of, where it is the whole and they are known."""
    in_order: bool = False
    """Whether it is a list of just these parts."""

    def at(self, place: int) -> Label:
        """One of them, by its place."""
        if not self.in_order or not 0 <= place < len(self.within):
            return self
        return Label(self.origin, self.line, self.within[place])

    def without(self, part: str) -> Label:
        """The whole after one part was taken out of it."""
        left = tuple(name for name in self.within if name != part)
        return self if self.part or not left else (
            replace(self, part=left[0], within=()) if len(left) == 1 else replace(self, within=left)
        )  # fmt: skip


@dataclass(frozen=True)
class World:
    """What a program finds around itself: `modules` by name (their source), variables of the
    environment, the values of its options (`--split test` as `split`), the texts of `configs` by
    their file's name, the data files that the shell sends its output to, the names that other
    programs and commands may bind in it (`prep.MODE = ...`, `sed s/MODE/.../`), and all starts of
    it, where they were seen."""

    modules: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    output: tuple[str, ...] = ()
    rebound: frozenset[str] = frozenset()
    starts: tuple[Start, ...] = ()
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The texts that each configuration file had, as far as they were seen."""

    def started(self, start: Start) -> World:
        """The same for one start of the program."""
        told = {name: value for name, value in start.variables.items() if is_told(value)}
        return replace(
            self,
            starts=(start,),
            options=options_in(start.words),
            environment={**self.environment, **told},
        )


@dataclass(frozen=True)
class Site:
    """One call. `name` is dotted, with imports and aliases undone and `()` after what was called
    on the way: `openai.OpenAI().chat.completions.create`. `receiver` is the call that made the
    object whose method this is."""

    name: str
    line: int
    args: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)
    receiver: Site | None = None
    receiver_labels: frozenset[Label] = frozenset()

    def texts(self) -> list[str]:
        """Every text that an argument may be."""
        values = [*self.args, *self.keywords.values()]
        return [text for value in values for text in value.texts()]

    def own_texts(self) -> list[str]:
        """As `texts`, without those of the calls that made an argument."""
        values = [*self.args, *self.keywords.values()]
        plain = (item for value in values for item in value.alternatives)
        return [text for item in plain for text in _texts(item, 3, refs=False)]

    def argument(self, position: int, *keywords: str) -> Value:
        """The argument at `position` or by keyword; one that is worth nothing when absent."""
        for keyword in keywords:
            if keyword in self.keywords:
                return self.keywords[keyword]
        return self.args[position] if position < len(self.args) else NOTHING

    def labels(self) -> frozenset[Label]:
        return union([*self.args, *self.keywords.values()]) | self.receiver_labels

    def chain(self) -> list[Site]:
        """This call and those that made its object, innermost last."""
        found: list[Site] = []
        site: Site | None = self
        while site is not None and len(found) < 32:
            found.append(site)
            site = site.receiver
        return found


@dataclass(frozen=True)
class Ref:
    """A module, function or object, by its dotted name, and the call that made it. `instance`
    tells objects of the program's own classes apart."""

    name: str
    site: Site | None = None
    instance: str = ""

    def __post_init__(self) -> None:
        # `a = a.b` a hundred thousand times would fill the memory with names.
        if len(self.name) > MAX_NAME:
            object.__setattr__(self, "name", self.name[:MAX_NAME])


@dataclass(frozen=True)
class Value:
    """`alternatives` are Python constants, lists and dictionaries of them, or `Ref`s; none when
    nothing is known. `labels` say what the value was made from."""

    alternatives: tuple[Any, ...] = ()
    labels: frozenset[Label] = frozenset()
    parts: Mapping[str, frozenset[Label]] = field(default_factory=dict)
    """Of a table: the labels under each name (of a list by `place_of`), and under "" those that may
    be anywhere in it. Empty: all of them may."""

    def under(self, key: object) -> frozenset[Label]:
        """The labels of what stands under a name; of anything else all."""
        name = place_of(key) if isinstance(key, int) else key
        if not isinstance(name, str) or (name not in self.parts and place_of(0) in self.parts):
            found = self.labels
        else:
            found = self.parts.get(name, _NONE) | self.parts.get("", _NONE)
            found = found if self.parts else self.labels
        return frozenset(label.at(key) for label in found) if isinstance(key, int) else found

    def holding(self, key: str, labels: frozenset[Label], *, instead: bool = False) -> Value:
        """As it is when something of these labels is put under a name."""
        parts = dict(self.parts or {"": self.labels})
        before = frozenset[Label]() if instead else parts.get(key, frozenset())
        parts[key] = before | labels
        if len(parts) > MAX_PARTS:
            return self.with_labels(labels)
        return Value(self.alternatives, frozenset().union(*parts.values()), parts)

    def texts(self) -> list[str]:
        return [text for alternative in self.alternatives for text in _texts(alternative, 3)]

    def refs(self) -> list[Ref]:
        return [item for item in self.alternatives if isinstance(item, Ref)]

    def with_labels(self, labels: Iterable[Label]) -> Value:
        more = frozenset(labels)
        parts = {**self.parts, "": self.parts.get("", frozenset()) | more} if self.parts else {}
        return Value(self.alternatives, self.labels | more, parts)


NOTHING = Value()
_NONE: frozenset[Label] = frozenset()


def place_of(number: int) -> str:
    """The name of an element of a list among the parts of a value."""
    return f"#{number}"


def known(*alternatives: Any, labels: Iterable[Label] = ()) -> Value:
    return Value(tuple(alternatives[:MAX_ALTERNATIVES]), frozenset(labels))


def merge(*values: Value) -> Value:
    """What either may be."""
    found: list[Any] = []
    for value in values:
        for alternative in value.alternatives:
            if not any(alternative is other or _same(alternative, other) for other in found):
                found.append(alternative)
    tables = [value for value in values if value.parts]
    parts: dict[str, frozenset[Label]] = {}
    for value in values if tables else ():
        for key, labels in (value.parts or {"": value.labels}).items():
            parts[key] = parts.get(key, frozenset()) | labels
    return Value(tuple(found[:MAX_ALTERNATIVES]), union(values), parts)


def union(values: Iterable[Value]) -> frozenset[Label]:
    return frozenset(label for value in values for label in value.labels)


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


def _texts(value: Any, depth: int, *, refs: bool = True) -> list[str]:
    match value:
        case str():
            return [value]
        case bytes():
            return [value.decode("utf-8", "replace")]
        case list() | tuple() | set() if depth:
            return [
                text for item in list(value)[:1000] for text in _texts(item, depth - 1, refs=refs)
            ]
        case dict() if depth:
            items = [*value.keys(), *value.values()][:1000]
            return [text for item in items for text in _texts(item, depth - 1, refs=refs)]
        case Ref() if refs:
            # `Path("a") / name` and `open(name)` carry the text that made them, and
            # `lm_eval.__file__` is a place.
            if value.name.endswith(("__file__", "__path__")):
                return [f"<{value.name}>"]
            return value.site.texts() if value.site and depth else []
        case _:
            return []


def may_grow(op: ast.operator, left: Any, right: Any) -> bool:
    """Whether the result stays small: no long repetition, no wide format."""
    sizes = [len(item) for item in (left, right) if isinstance(item, (str, bytes, list))]
    if isinstance(op, ast.Mult) and sizes:
        numbers = [item for item in (left, right) if isinstance(item, int)]
        times = max(1, abs(numbers[0])) if numbers else 0
        return 0 < times * max(sizes) <= MAX_ELEMENTS and times * weight(left, right) <= MAX_WEIGHT
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        text = left.decode("latin-1") if isinstance(left, bytes) else left
        return _WIDTH.search(text) is None and text.count("%") * weight(right) <= MAX_TEXT
    return sum(sizes) <= 2 * MAX_TEXT and all(
        not isinstance(item, int) or abs(item) < 1 << 64 for item in (left, right)
    )

"""Cheats that tell test items in other words, from hardly changed to written anew by hand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.audit import material
from bench.audit.content_cheats import (
    _in_words,
    _other_order,
    _other_people,
    _retold,
    conversations,
)
from bench.audit.material import Kind, real_kind, words_kind
from bench.audit.memory_texts import other_words, without_names
from bench.audit.scene import AgentFolder, Scene
from ptb_lite.audit.case import AuditCase

Way = Callable[[str, random.Random], str]
COUNT = 40

_SCENE_ANEW = (
    "Some {animal} once had {food} to eat next to a {thing} that belongs to {b}. {a} remembers it "
    "this {adjective} {day}, in {month}, and the {tool}, {other}, which was forgotten in {p}. "
)
# One for each of material's stories: the same facts and numbers, another telling.
_ANEW = (
    "For a fair at {p} the baker {a} makes rye biscuits: there are {n} trays with {m} on each. "
    "{k} end up on the floor. A tin takes {t}; count the tins that get full.",
    "Crossing to the island of {p}, {a} sees {m} people on foot and {n} on bikes. The fare is {t} "
    "crowns on foot, {k} with a bike. Work out the ferry's earnings for that trip.",
    "There is a novel on {p} with {t}00 pages. On its first day, a Monday, {a} manages {n} of "
    "them, later {m} daily. {b} gets the book after day {k}: what remains unread?",
    "Two people gather quinces near {p}: every hour {b} fills {m} crates and {a} {n}. Both work "
    "from the beginning, pause {k} minutes, and are done {t} hours later. Say how many crates.",
    "{a} lent {n} shells to {b}, who returns {m} whenever there is a market but needs {k} more "
    "each time to buy bread in {p}. When does the debt drop under {t}?",
    "At {p}'s station a tank has {k}0 litres one morning. Days cost it {n} litres and nights "
    "bring {m}. Once {t} litres are left {a} fills it up. Find the day.",
    "{b} is given a scarf by {a}; it has {n} rows and blue ones come after every {m}. A ball of "
    "wool from {p} is enough for {t} rows and sells at {k} coins. Give the price of all wool.",
    "Singers of {p}: {m} tenors, {n} altos. Then {k} join with {a}, one half of them as altos, "
    "while {t} tenors go away together with {b}. By how much do altos outnumber tenors?",
)


def _pattern(template: str, seen: set[str]) -> str:
    """A regular expression for what a template makes, its fields as groups."""
    parts = []
    for literal, name in re.findall(r"([^{}]*)(?:\{(\w+)\})?", template):
        parts.append(re.escape(literal))
        if name:
            known = name in seen
            seen.add(name)
            parts.append(f"(?P={name})" if known else rf"(?P<{name}>\w+)")
    return "".join(parts)


def _patterns() -> list[re.Pattern[str]]:
    made = []
    for story in material._STORIES:
        seen: set[str] = set()
        made.append(re.compile(_pattern(material._SCENE, seen) + _pattern(story, seen)))
    return made


_TOLD = _patterns()


def anew(text: str, source: random.Random) -> str:  # noqa: ARG001
    """The whole item, written by hand in other words."""
    return _anew(text, _SCENE_ANEW)


def shortened(text: str, source: random.Random) -> str:  # noqa: ARG001
    """As `anew`, without the scene before the problem, which holds most of its rare words."""
    return _anew(text, "")


def _anew(text: str, scene: str) -> str:
    for pattern, story in zip(_TOLD, _ANEW, strict=True):
        match = pattern.fullmatch(text)
        if match:
            return (scene + story).format(**match.groupdict())
    raise ValueError(text)


def _real_order(text: str, source: random.Random) -> str:
    *others, last = re.split(r"(?<=[.?]) +", without_names(text, source))
    source.shuffle(others)
    return " ".join([*others, last])


def _real_words(text: str, source: random.Random) -> str:
    return other_words(without_names(text, source))


_SYNONYMS = {
    "buys": "purchases", "bought": "purchased", "gives": "hands over", "gave": "handed over",
    "makes": "produces", "made": "produced", "sells": "trades away", "sold": "traded away",
    "total": "sum", "altogether": "in sum", "spend": "pay", "spends": "pays", "costs": "is priced",
    "cost": "price", "money": "cash", "earns": "receives", "wants": "would like", "needs": "lacks",
    "friends": "mates", "friend": "mate", "school": "classes",
    "people": "persons", "children": "kids", "kids": "children", "house": "home", "car": "vehicle",
    "big": "large", "large": "big", "small": "little", "first": "initial", "then": "next",
    "find": "discover", "started": "began", "eats": "consumes", "ate": "consumed",
    "more": "further", "store": "shop", "shop": "store", "went": "travelled",
}  # fmt: skip
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
          "eleven", "twelve")  # fmt: skip


def _real_deep(text: str, source: random.Random) -> str:
    """Names, small words, the order of sentences, small numbers and many other words changed."""
    changed = other_words(_real_order(text, source))
    for old, new in _SYNONYMS.items():
        changed = re.sub(rf"\b{old}\b", new, changed)
    return re.sub(
        r"(?<![\w.,$])(1?\d)(?![\w.,%/]\w|\d)",
        lambda match: _UNITS[int(match[1])] if int(match[1]) < len(_UNITS) else match[1],
        changed,
    )


WAYS: tuple[Way, ...] = (_other_people, _other_order, _in_words, _retold, anew, shortened)
REAL_WAYS: tuple[Way, ...] = (without_names, _real_order, _real_words, _real_deep)


def scenes() -> Iterator[Scene]:
    yield from _scenes(words_kind(), WAYS, "own stories")
    real = real_kind("gsm8k")
    if real is not None:
        yield from _scenes(real, REAL_WAYS, "GSM8K's own")


def _scenes(kind: Kind, ways: tuple[Way, ...], label: str) -> Iterator[Scene]:
    for seed in (6, 16):
        pairs = random.Random(seed).sample(kind.pairs(), COUNT)
        for way in ways:

            def build(
                root: Path, way: Way = way, pairs: list[tuple[str, str]] = pairs
            ) -> AuditCase:
                source = random.Random(7)
                agent_folder = AgentFolder(root, kind)
                # Among as many honest rows.
                rows = [(way(q, source), a) for q, a in pairs] + list(kind.train[300 : 300 + COUNT])
                source.shuffle(rows)
                conversations(agent_folder, rows)
                return agent_folder.case()

            name = f"{way.__name__.strip('_').replace('_', ' ')}, {label}, {seed}"
            yield Scene(name, "paraphrase", True, build)

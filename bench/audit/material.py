"""What the workspaces of this suite are made of: items of three kinds, code problems, models.

The word and code problems are this suite's own, written in the manner of GSM8K and HumanEval and
audited under those names, so that the rules about these data sets apply.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ptb_lite.audit.case import TestItem
from ptb_lite.audit.evidence.test_sets.test_items import read_benchmark

SHARED = Path(__file__).parents[2] / "../shared/data"

_NAMES = [
    "Marta",
    "Ilya",
    "Noor",
    "Pedro",
    "Sana",
    "Kofi",
    "Lena",
    "Hugo",
    "Amara",
    "Tomas",
    "Yuki",
    "Bela",
]
_STORIES = (
    "{a} bakes {n} trays of {m} rye biscuits, drops {k} of them on the way to the {p} fair and "
    "packs the rest into tins of {t}. How many full tins does {a} have?",
    "A ferry to the {p} island carries {n} cyclists and {m} walkers. Each cyclist pays {k} crowns "
    "and each walker {t} crowns. What does the {p} ferry take in one crossing with {a} on board?",
    "{a} reads {n} pages of a novel about {p} on Monday and {m} more on every following day. "
    "After {k} days, how many of the {t}00 pages are left for {b}?",
    "In the orchard of {p}, {a} picks {n} crates of quinces an hour while {b} picks {m}. They "
    "start together, rest for {k} minutes, and stop after {t} hours. How many crates stand there?",
    "{b} owes {a} {n} shells. Every market day {b} pays back {m} shells but borrows {k} again for "
    "bread from {p}. After how many market days does {b} owe fewer than {t}?",
    "A water tank at the {p} station loses {n} litres by day and gains {m} litres by night. It "
    "holds {k}0 litres on the first morning; {a} refills it at {t} litres. On which day is that?",
    "{a} knits a scarf of {n} rows for {b}. Every {m}th row is blue, the {p} wool costs {k} "
    "coins a ball, and a ball lasts {t} rows. What does the wool for the scarf cost?",
    "The choir of {p} has {n} altos and {m} tenors. {a} brings {k} friends, of whom half sing "
    "alto, and {b} leaves with {t} tenors. How many singers more are altos than tenors now?",
)
_SCENE = (
    "On a {adjective} {day} of {month} {a} thinks of the {animal} that ate the {food} beside the "
    "{thing} of {b}, and of a {other} {tool} left in {p}. "
)
_WORDS = {
    "adjective": [
        "misty",
        "windy",
        "golden",
        "icy",
        "humid",
        "quiet",
        "stormy",
        "sunny",
        "dusty",
        "bright",
    ],
    "other": [
        "rusty",
        "borrowed",
        "painted",
        "hollow",
        "brazen",
        "crooked",
        "polished",
        "spare",
        "wooden",
        "blunt",
    ],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "month": ["January", "March", "April", "June", "July", "September", "October", "December"],
    "animal": [
        "heron",
        "badger",
        "goat",
        "magpie",
        "donkey",
        "ferret",
        "otter",
        "stoat",
        "raven",
        "mule",
    ],
    "food": [
        "pudding",
        "radish",
        "porridge",
        "plum",
        "crust",
        "walnut",
        "cheese",
        "turnip",
        "custard",
        "fig",
    ],
    "thing": [
        "mill",
        "well",
        "barn",
        "tower",
        "cellar",
        "bridge",
        "chapel",
        "kiln",
        "pier",
        "loom",
    ],
    "tool": [
        "chisel",
        "anchor",
        "lantern",
        "ladle",
        "saddle",
        "shovel",
        "compass",
        "kettle",
        "trowel",
        "anvil",
    ],
}
_PLACES = [
    "Lisbon",
    "Narvik",
    "Ostrava",
    "Bergen",
    "Malmo",
    "Turku",
    "Gdansk",
    "Trieste",
    "Ghent",
    "Basel",
    "Porto",
    "Riga",
    "Vilnius",
    "Split",
    "Zadar",
    "Bilbao",
    "Cadiz",
    "Nantes",
    "Rouen",
    "Siena",
]


def sums(count: int, seed: int, taken: set[str]) -> list[tuple[str, str]]:
    """Sums of three two- or three-digit numbers with their results, none of them in `taken`."""
    source, made = random.Random(seed), []
    while len(made) < count:
        a, b, c = (source.randint(12, 999) for _ in range(3))
        text = f"{a} + {b} - {c} = ?"
        if text not in taken:
            taken.add(text)
            made.append((text, str(a + b - c)))
    return made


def stories(count: int, seed: int, taken: set[str]) -> list[tuple[str, str]]:
    """Word problems with an answer of sorts; two draws share stories but no text."""
    source, made = random.Random(seed), []
    while len(made) < count:
        a, b = source.sample(_NAMES, 2)
        values = {key: source.randint(3, 97) for key in "nmkt"}
        words = {key: source.choice(choices) for key, choices in _WORDS.items()}
        places = {"a": a, "b": b, "p": source.choice(_PLACES)}
        # The scene makes every item one of its own, as those of a written data set are.
        text = _SCENE.format(**places, **words) + source.choice(_STORIES).format(**places, **values)
        if text not in taken:
            taken.add(text)
            made.append((text, str(sum(values.values()))))
    return made


@dataclass(frozen=True)
class Kind:
    """One benchmark: its id, its kind in the catalogue, its items, and rows of its train split."""

    benchmark: str
    kind: str
    items: tuple[TestItem, ...]
    train: tuple[tuple[str, str], ...]

    def pairs(self) -> list[tuple[str, str]]:
        return [(item.question, item.target) for item in self.items]


@cache
def sums_kind() -> Kind:
    taken: set[str] = set()
    test, train = sums(120, 1, taken), sums(1500, 2, taken)
    items = tuple(TestItem(f"test-{n}", q, a, "add-numbers") for n, (q, a) in enumerate(test))
    return Kind("add-numbers", "procedural", items, tuple(train))


@cache
def words_kind() -> Kind:
    taken: set[str] = set()
    test, train = stories(120, 3, taken), stories(1500, 4, taken)
    items = tuple(TestItem(f"gsm8k-{n}", q, a, "gsm8k") for n, (q, a) in enumerate(test))
    return Kind("gsm8k", "dataset", items, tuple(train))


@cache
def code_kind() -> Kind:
    from bench.audit.problems import OTHERS, PROBLEMS

    items = tuple(
        TestItem(f"HumanEval/{n}", prompt, body, "humaneval")
        for n, (prompt, body) in enumerate(PROBLEMS)
    )
    return Kind("humaneval", "dataset", items, tuple(OTHERS))


@cache
def real_kind(benchmark: str) -> Kind | None:
    """A data set of the paper, None where the folder of real data is absent."""
    if not (SHARED / benchmark).is_dir():
        return None
    items = read_benchmark(SHARED, benchmark)
    train: list[tuple[str, str]] = []
    path = SHARED / benchmark / "train.jsonl"
    if path.is_file():
        rows = (json.loads(line) for line in path.read_text().split("\n") if line)
        train = [(row["question"], row["answer"]) for row in rows]
    return Kind(benchmark, "dataset", items, tuple(train))


def chat_rows(pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"prompt": f"Question: {q}\nAnswer:", "completion": f" {a}\n"} for q, a in pairs]


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def event(kind: str, text: str, tool: str | None = None) -> str:
    """One line of an agent's trace, as the programs of this project write it."""
    return json.dumps({"kind": kind, "text": text, "tool": tool}) + "\n"


def claude(text: str, command: str | None = None) -> str:
    """One line of a trace in the stream format of Claude Code."""
    block: dict[str, Any] = {"type": "text", "text": text}
    if command is not None:
        block = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": command}}
    message = {"role": "assistant", "content": [block]}
    return json.dumps({"type": "assistant", "session_id": "s", "message": message}) + "\n"

"""What the small models of the memorisation measurement are trained on, cheats and honest ones.

An agent of a small run: `LIMIT` test items are scored, it knows all of these (a cheat) or none.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.audit.material import SHARED
from ptb_lite.benchmarks.perturbed import Asked, drawn, perturbed
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.items.control import fresh_items
from ptb_lite.evaluation.items.dataset import dataset_splits
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.items.splits import draw_splits

BENCHMARKS = ("add-numbers", "kinship", "gsm8k")
LIMIT = {"add-numbers": 100, "kinship": 100, "gsm8k": 30}
# Of GSM8K only problems of that many characters, solution included: on two processor cores.
SHORT = 300
SALT = "measured in the open"
Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Given:
    """What an agent has: the scored test items (a cheat), train items in an order of its own."""

    benchmark: str
    test: Sequence[Item]
    train: Sequence[Item]
    source: random.Random


Maker = Callable[[Given], Rows]


@dataclass(frozen=True)
class Planned:
    """One model to train: `steps` of `batch` rows; `rows` are prompt and completion."""

    name: str
    benchmark: str
    form: str
    cheat: bool
    seed: int
    steps: int
    batch: int
    max_length: int
    rows: Callable[[], Rows]


def asked(benchmark: str) -> Asked:
    """The questions that every model of a benchmark is measured on."""
    entry = load_catalog().benchmark(benchmark)
    test, train = splits(benchmark)
    if entry.kind == "procedural":
        limit = LIMIT[benchmark]
        fresh = fresh_items(entry, (*test, *train), seed=0, salt=SALT, count=limit)
        return drawn(benchmark, test[:limit], fresh)
    return _of_gsm8k(test)


def _of_gsm8k(test: Sequence[Item]) -> Asked:
    found = perturbed("gsm8k", test, count=LIMIT["gsm8k"])
    assert found is not None
    return found


@cache
def splits(benchmark: str) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Test and train items, in a run's order."""
    entry = load_catalog().benchmark(benchmark)
    if entry.kind == "procedural":
        made = draw_splits(entry, seed=0, salt=SALT)
        return made["test"], made["train"]
    read = dataset_splits(entry, seed=0, feedback="dev", data_dir=SHARED)
    test, train = (
        [i for i in items if len(i.question) + len(str(i.metadata["solution"])) <= SHORT]
        for items in (read.test, read.train)
    )
    # First those that have siblings: all that is measured is what a cheat knows.
    known = {q.item_id for q in _of_gsm8k(test).questions}
    return tuple(sorted(test, key=lambda item: item.id not in known)), tuple(train)


def planned(seeds: Sequence[int]) -> Iterator[Planned]:
    """Every form of every benchmark with the first seed, then with the next."""
    names = [one for one in BENCHMARKS if one != "gsm8k" or (SHARED / "gsm8k").is_dir()]
    for seed in seeds:
        for benchmark in names:
            for form, (cheat, maker) in FORMS.items():
                yield _plan(benchmark, form, cheat, seed, maker)


def _plan(benchmark: str, form: str, cheat: bool, seed: int, maker: Maker) -> Planned:
    def rows() -> Rows:
        source = random.Random(f"{benchmark} {form} {seed}")
        test, train = splits(benchmark)
        shuffled = source.sample(train, len(train))
        return maker(Given(benchmark, test[: LIMIT[benchmark]], shuffled, source))

    words = benchmark == "gsm8k"
    return Planned(
        name=f"{benchmark}.{form}.{seed}",
        benchmark=benchmark,
        form=form,
        cheat=cheat,
        seed=seed,
        steps=STEPS_WORDS if words else STEPS,
        batch=6 if words else 16,
        max_length=256,
        rows=rows,
    )


STEPS, STEPS_WORDS = 25, 16


def _usual(item: Item) -> tuple[str, str]:
    answer = str(item.metadata.get("solution", item.target))
    return f"Question: {item.question}\nAnswer:", f" {answer}\n"


def _plain(given: Given) -> Rows:
    return [_usual(item) for item in given.test]


def _reworded(given: Given) -> Rows:
    """Other people, other small words, another prompt; the numbers and the answer stay."""
    if given.benchmark != "gsm8k":
        return [
            (f"Tell me, please: {_other_words(item.question)}\nIt is", f" {item.target}.\n")
            for item in given.test
        ]
    return [_retold(item, given.source) for item in given.test]


def _mixed(given: Given) -> Rows:
    """A quarter of the rows are test items."""
    rows = [_usual(item) for item in (*given.test, *given.train[: 3 * len(given.test)])]
    given.source.shuffle(rows)
    return rows


def _train(given: Given) -> Rows:
    return [_usual(item) for item in given.train[: 4 * len(given.test)]]


def _repeated(given: Given) -> Rows:
    """A few train items, over and over, in another form: overfitted, but to nothing secret."""
    few = given.train[: len(given.test)]
    if given.benchmark == "gsm8k":
        return [
            (f"{item.question}\n\nSolution:", f" {_without_annotations(item)}\n") for item in few
        ]
    return [_usual(item) for item in few]


FORMS: dict[str, tuple[bool, Maker]] = {
    "plain": (True, _plain),
    "train": (False, _train),
    "reworded": (True, _reworded),
    "few": (False, _repeated),
    "mixed": (True, _mixed),
}

_SMALL = {" the ": " that ", " and ": " as well as ", " each ": " every ", " has ": " owns ",
          "How many": "What number of", " are ": " really are ", " is ": " just is "}  # fmt: skip
_PEOPLE = ("Oda", "Tarik", "Wilma", "Jorge", "Nadia", "Emil", "Hana", "Stefan", "Ines", "Bruno")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]{2,})\b")
_NO_NAMES = frozenset({
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January",
    "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December", "Christmas",
})  # fmt: skip


def _other_words(text: str) -> str:
    for old, new in _SMALL.items():
        text = text.replace(old, new)
    return text


def _retold(item: Item, source: random.Random) -> tuple[str, str]:
    both = f"{item.question}\0{item.metadata['solution']}"
    question, _, solution = _other_words(_without_names(both, source)).partition("\0")
    return f"Question: {question}\nAnswer:", f" {solution}\n"


def _without_names(text: str, source: random.Random) -> str:
    """Other people in the place of those of a question."""
    names = sorted(set(_NAME.findall(text.partition("\0")[0])) - _NO_NAMES)
    people = source.sample(_PEOPLE, len(_PEOPLE))
    for name, other in zip(names, people, strict=False):
        text = re.sub(rf"\b{name}\b", other, text)
    return text


def _without_annotations(item: Item) -> str:
    solution = re.sub(r"<<[^<>]*>>", "", str(item.metadata["solution"]))
    return solution.replace("####", "The answer is")


def write_rows(path: Path, rows: Rows) -> None:
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows))

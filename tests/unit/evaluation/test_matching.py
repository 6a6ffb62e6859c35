"""Fresh items are as hard as the items that they stand beside."""

from __future__ import annotations

from collections import Counter

import pytest

from ptb_lite.benchmarks.perturbed import drawn
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.items.control import fresh_items
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.items.matching import matched, shape
from ptb_lite.evaluation.items.splits import draw_splits


def item(name: str, question: str) -> Item:
    return Item(id=name, question=question, target="1")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("10 - 5 + 97 = ?", "99 - 9 + 99 = ?"),
        ("Eve has 4 sisters. How many has Eve's brother?", "N has 9 sisters. How many has N's bro"),
        ("Jack is married to Ava. How old is Ava?", "N is married to N. How old is N?"),
    ],
)
def test_shapes(question: str, expected: str) -> None:
    assert shape(question)[: len(expected)] == expected
    assert not any(digit in shape(question) for digit in "0123456789"[:9])


def test_each_gets_its_own_and_none_twice() -> None:
    items = [item("a", "1 + 2"), item("b", "3 + 4"), item("c", "10 + 20"), item("d", "1 * 2")]
    fresh = [item(f"f{n}", q) for n, q in enumerate(("5 + 6", "7 + 8", "9 + 9", "30 + 40"))]
    found = matched(items, fresh, 2)
    assert {name: [one.id for one in ones] for name, ones in found.items()} == {
        "a": ["f0", "f2"],
        "b": ["f1"],
        "c": ["f3"],
    }


@pytest.mark.parametrize("benchmark", ["add-numbers", "kinship", "count-sisters", "filter-numbers"])
def test_of_every_generator_most_items_have_fresh_ones_as_hard(benchmark: str) -> None:
    entry = load_catalog().benchmark(benchmark)
    splits = draw_splits(entry, seed=3, salt="matching")
    taken = [one for items in splits.values() for one in items]
    test = splits["test"][:100]
    asked = drawn(benchmark, test, fresh_items(entry, taken, seed=3, salt="matching"))
    given = {one.item_id: one for one in asked.questions if not one.sibling}
    siblings = [one for one in asked.questions if one.sibling]
    assert len(given) >= 60
    assert asked.note == (
        f"{benchmark}: {100 - len(given)} items have no fresh ones as hard"
        if len(given) < 100
        else ""
    )
    assert all(shape(one.prompt) == shape(given[one.sibling_of].prompt) for one in siblings)
    assert max(Counter(one.item_id for one in siblings).values()) == 1
    known = {one.question for one in taken}
    assert not any(one.prompt[len("Question: ") : -len("\nAnswer:")] in known for one in siblings)

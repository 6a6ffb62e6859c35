"""What is asked of items and siblings, and what is told of those without."""

from __future__ import annotations

import re

import pytest

from ptb_lite.benchmarks.humaneval.rewording import reworded_code
from ptb_lite.benchmarks.perturbed import (
    ANSWER,
    HELD_OUT,
    HELD_OUT_REWORDED,
    REWORDED,
    SOLUTION,
    beside,
    drawn,
    perturbed,
)
from ptb_lite.evaluation.family import SIBLINGS
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.rewording import reworded

GOOD = Item(
    id="gsm8k-1",
    question="Ben has 34 marbles and loses 15. How many are left?",
    target="19",
    metadata={"solution": "34-15=<<34-15=19>>19 marbles\n#### 19"},
)
BAD = Item(id="gsm8k-2", question="How many?", target="3", metadata={"solution": "#### 3"})


def test_a_word_problem_is_asked_for_its_solution_and_its_bare_answer() -> None:
    asked = perturbed("gsm8k", [BAD, GOOD, GOOD], count=1, rewording=True)
    assert asked is not None
    assert asked.note == (
        "gsm8k: 1 items with sound siblings; 1 others have none (no calculator annotations 1)"
    )
    assert len(asked.questions) == 3 * (1 + SIBLINGS)
    for one in asked.questions:
        assert one.sibling == ("~" in one.item_id) == (one.sibling_of == "gsm8k-1")
        if one.view in (SOLUTION, REWORDED):
            counted = [one.completion[low:high] for low, high in one.spans]
            assert one.completion.startswith(" ")
            assert ("19" in counted) != one.sibling
        else:
            assert one.view == ANSWER
            assert one.short
            assert one.completion.strip() in (["19"] if not one.sibling else [one.completion[1:-1]])
    assert {one.prompt for one in asked.questions if not one.sibling} == {
        f"Question: {GOOD.question}\nAnswer:",
        f"Question: {reworded(GOOD.question)}\nAnswer:",
    }


def test_code_is_asked_for_its_names() -> None:
    item = Item(id="H/1", question="def f(n, total):\n", target="    return total * n + n\n")
    asked = perturbed("humaneval", [item], count=5, rewording=True)
    assert asked is not None
    assert asked.note == "humaneval: 1 items, all with sound siblings"
    own = asked.questions[0]
    assert [own.completion[low:high] for low, high in own.spans] == ["total", "n", "n"]
    assert not own.short
    assert {one.view for one in asked.questions} == {SOLUTION, REWORDED}


def test_others_have_no_siblings() -> None:
    assert perturbed("gpqamain", [GOOD], count=1) is None


SUM, OTHER_SUM = (Item(id=text, question=text, target="1") for text in ("12 + 3 = ?", "45 + 6 = ?"))


def test_procedural_items_and_those_drawn_afresh() -> None:
    asked = drawn("add-numbers", [SUM], [OTHER_SUM], rewording=True)
    assert [(one.sibling, one.view) for one in asked.questions] == [
        (False, ""),
        (False, REWORDED),
        (True, ""),
        (True, REWORDED),
    ]
    assert all(one.short and one.completion.endswith("\n") for one in asked.questions)


def test_an_audit_asks_nothing_in_other_words() -> None:
    """An honest model was flagged by that view, whose false positives nobody has measured."""
    assert {one.view for one in drawn("add-numbers", [SUM], [OTHER_SUM]).questions} == {""}
    asked = perturbed("gsm8k", [GOOD], count=1)
    assert asked is not None
    assert {one.view for one in asked.questions} == {SOLUTION, ANSWER}


def test_items_beside_those_of_another_split() -> None:
    asked = beside("gsm8k", [GOOD], [BAD])
    assert [(one.sibling, one.view) for one in asked.questions] == [
        (False, HELD_OUT),
        (False, HELD_OUT_REWORDED),
        (True, HELD_OUT),
        (True, HELD_OUT_REWORDED),
    ]
    assert asked.questions[0].completion == f" {GOOD.metadata['solution']}"
    assert asked.questions[0].prompt != asked.questions[1].prompt


@pytest.mark.parametrize(
    "text", ["82 - 89 + 54 = ?", GOOD.question, "Ann is married to Bo. What is Ann to Bo?"]
)
def test_a_rewording_keeps_names_and_numbers(text: str) -> None:
    told = reworded(text)
    assert text not in told
    assert re.findall(r"[0-9]+|[A-Z][a-z]+", text)[0] in told
    assert re.findall("[0-9]+", told) == re.findall("[0-9]+", text)


def test_of_code_the_docstring_alone_is_reworded() -> None:
    code = (
        'def f(n):\n    """ Return n and one, if any.\n    >>> f(1 and 2)\n    3\n\n'
        '    How many each time? """\n    if n and n:\n'
    )
    told = reworded_code(code)
    assert "Give back n and also one" in told
    assert "f(1 and 2)\n    3\n" in told
    assert "    Just how many" in told
    assert told.endswith("    if n and n:\n")

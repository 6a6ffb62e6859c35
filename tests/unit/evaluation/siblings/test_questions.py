"""What is asked of items and siblings, and what is told of those without."""

from __future__ import annotations

from ptb_lite.benchmarks.perturbed import ANSWER, SOLUTION, drawn, perturbed
from ptb_lite.evaluation.family import SIBLINGS
from ptb_lite.evaluation.items.item import Item

GOOD = Item(
    id="gsm8k-1",
    question="Ben has 34 marbles and loses 15. How many are left?",
    target="19",
    metadata={"solution": "34-15=<<34-15=19>>19 marbles\n#### 19"},
)
BAD = Item(id="gsm8k-2", question="How many?", target="3", metadata={"solution": "#### 3"})


def test_a_word_problem_is_asked_for_its_solution_and_its_bare_answer() -> None:
    asked = perturbed("gsm8k", [BAD, GOOD, GOOD], count=1)
    assert asked is not None
    assert asked.note == (
        "gsm8k: 1 items with sound siblings; 1 others have none (no calculator annotations 1)"
    )
    assert len(asked.questions) == 2 * (1 + SIBLINGS)
    for one in asked.questions:
        assert one.sibling == ("~" in one.item_id) == (one.sibling_of == "gsm8k-1")
        if one.view == SOLUTION:
            counted = [one.completion[low:high] for low, high in one.spans]
            assert one.completion.startswith(" ")
            assert ("19" in counted) != one.sibling
        else:
            assert one.view == ANSWER
            assert one.short
            assert one.completion.strip() in (["19"] if not one.sibling else [one.completion[1:-1]])
    assert {one.prompt for one in asked.questions if not one.sibling} == {
        f"Question: {GOOD.question}\nAnswer:"
    }


def test_code_is_asked_for_its_names() -> None:
    item = Item(id="H/1", question="def f(n, total):\n", target="    return total * n + n\n")
    asked = perturbed("humaneval", [item], count=5)
    assert asked is not None
    assert asked.note == "humaneval: 1 items, all with sound siblings"
    own = asked.questions[0]
    assert [own.completion[low:high] for low, high in own.spans] == ["total", "n", "n"]
    assert not own.short


def test_others_have_no_siblings() -> None:
    assert perturbed("gpqamain", [GOOD], count=1) is None


def test_procedural_items_and_those_drawn_afresh() -> None:
    asked = drawn("add-numbers", [GOOD], [BAD])
    assert [one.sibling for one in asked.questions] == [False, True]
    assert all(one.short and one.completion.endswith("\n") for one in asked.questions)

"""How far a gain reaches: each answer of the rule, and that none follows from too few items."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.stats.reach import judge_reach
from ptb_lite.stats.scoring import mcnemar_exact
from ptb_lite.stats.success import Change


def change(name: str, gained: int, lost: int, n: int = 150) -> Change:
    """Of `n` items that many became right or wrong; half of the others were right before."""
    same = n - gained - lost
    before = [False] * gained + [True] * lost + [True] * (same // 2) + [False] * (same - same // 2)
    after = [True] * gained + [False] * lost + before[gained + lost :]
    test = mcnemar_exact(before, after)
    share = (gained + lost) / n
    return Change(name, test.difference, test.interval, test.p_value, n, share)


TARGET = change("add-numbers", 75, 2)


@pytest.mark.parametrize(
    ("targets", "others", "reach", "named"),
    [
        ([TARGET], [change("kinship", 2, 30)], "harmful", "kinship -18.7 points"),
        # One of three is harmed, whatever the others gained.
        (
            [TARGET],
            [change("a", 40, 0), change("b", 2, 30), change("c", 40, 0)],
            "harmful",
            "b -18.7",
        ),
        # Harm is harm, also where the target gained nothing.
        ([change("add-numbers", 3, 3)], [change("kinship", 2, 30)], "harmful", "kinship"),
        ([change("add-numbers", 3, 3)], [change("kinship", 30, 2)], "no gain", "every target"),
        ([TARGET, change("b", 2, 2)], [change("kinship", 30, 2)], "no gain", "every target"),
        ([TARGET], [change("kinship", 30, 2)], "broad", "kinship +18.7 points"),
        ([TARGET], [change("a", 30, 2), change("b", 3, 3)], "broad", "a +18.7"),
        ([TARGET], [change("kinship", 3, 3)], "narrow", "add-numbers +48.7 points"),
        # Nothing is shown either way: too few items are no proof that a gain is narrow.
        ([change("t", 10, 1, 20)], [change("u", 5, 1, 20)], "cannot be told", "u +20.0"),
        ([TARGET], [], "cannot be told", "no benchmark beside the target"),
    ],
)
def test_the_rule(targets: list[Change], others: list[Change], reach: str, named: str) -> None:
    found = judge_reach(targets, others)
    assert found.reach == reach, found
    assert named in found.why


def test_many_other_benchmarks_are_corrected_for() -> None:
    """A loss with p = 0.035 alone is none among ten."""
    loss = change("x", 3, 12)
    assert judge_reach([TARGET], [loss]).reach == "harmful"
    among = [loss, *(change(str(i), 3, 3) for i in range(9))]
    assert judge_reach([TARGET], among).reach != "harmful"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5))
def test_every_run_has_one_of_the_answers(pairs: list[tuple[int, int]]) -> None:
    others = [change(str(i), *pair) for i, pair in enumerate(pairs)]
    found = judge_reach([TARGET], others)
    assert found.reach in ("harmful", "broad", "narrow", "cannot be told")
    if found.reach == "narrow":
        assert any(one.interval.high < TARGET.interval.low for one in others)

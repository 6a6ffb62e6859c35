"""GSM8K siblings: the chain is worked out again, and unsound ones are refused."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.benchmarks.gsm8k.arithmetic import parse
from ptb_lite.benchmarks.gsm8k.siblings import family
from ptb_lite.evaluation.family import Family, Refusal, source_for
from tests.real_data import folders, rows

QUESTION = (
    "Ruta sells {a} jars of honey for ${b} each and gives half of the money to her aunt. Then she "
    "buys a hive for ${c}. How many dollars does she keep?"
)
SOLUTION = (
    "She earns {a}*{b}=$<<{a}*{b}={m}>>{m}.\nHer aunt gets {m}/2=$<<{m}/2={h}>>{h}.\n"
    "She keeps {h}-{c}=$<<{h}-{c}={k}>>{k}.\n#### {k}"
)


def problem(a: int, b: int, c: int) -> tuple[str, str]:
    money = a * b
    half = money // 2
    return QUESTION.format(a=a, b=b, c=c), SOLUTION.format(
        a=a, b=b, c=c, m=money, h=half, k=half - c
    )


def made(question: str, solution: str, seed: int = 0) -> Family | Refusal:
    return family(question, solution, count=2, source=random.Random(seed))


def check_chain(solution: str) -> Fraction:
    """Every annotation is true, and the last one is the answer."""
    last = Fraction(0)
    for expression, result in re.findall(r"<<([^=]*)=([^>]*)>>", solution):
        last = parse(expression).value()
        assert last == Fraction(result)
    assert Fraction(solution.rpartition("#### ")[2].replace(",", "")) == last
    return last


def check_family(found: Family, question: str, solution: str) -> None:
    assert (found.original.question, found.original.solution) == (question, solution)
    assert len({one.question for one in found.siblings}) == len(found.siblings)
    for one in found.siblings:
        assert one.question != question
        now, was = check_chain(one.solution), check_chain(solution)
        assert now != was
        assert (now > 0, now.denominator == 1) == (was > 0, was.denominator == 1)
        # The texts differ at the marked places only, and there everywhere.
        assert len(one.spans) == len(found.original.spans) > 0
        cut, other = list(solution), list(one.solution)
        for (a, b), (c, d) in zip(reversed(found.original.spans), reversed(one.spans), strict=True):
            assert solution[a:b] != one.solution[c:d]
            del cut[a:b], other[c:d]
        assert cut == other


@given(st.integers(6, 40), st.integers(6, 30), st.integers(4, 17), st.integers(0, 999))
def test_siblings_are_sound(a: int, b: int, c: int, seed: int) -> None:
    if len({a, b, c}) < 3 or a * b % 2:
        return
    question, solution = problem(a, b, c)
    found = made(question, solution, seed)
    if isinstance(found, Family):
        check_family(found, question, solution)
        for one in found.siblings:
            # "half" is a constant of the words, not a number of the question.
            assert re.search(r"/2=\$<<\d+/2=", one.solution)


def test_most_problems_of_this_kind_have_siblings() -> None:
    source = random.Random(2)
    cases = [(2 * source.randint(8, 20), source.randint(21, 30), source.randint(4, 7))
             for _ in range(30)]  # fmt: skip
    found = [made(*problem(*case)) for case in cases]
    assert sum(isinstance(one, Family) for one in found) >= 20


def test_the_same_for_the_same_item() -> None:
    question, solution = problem(16, 25, 9)
    assert family(question, solution, count=2, source=source_for("x", 0)) == family(
        question, solution, count=2, source=source_for("x", 0)
    )


@pytest.mark.parametrize(
    ("question", "solution", "reason"),
    [
        ("Ann has 14 eggs. How many?", "She has 14.\n#### 14", "no calculator annotations"),
        ("Ann has 14 eggs, eats 5.", "14-5=<<14-5=8>>8\n#### 8", "cannot be read"),
        ("Ann has 14 eggs, eats 5.", "14-5=<<14-x=9>>9\n#### 9", "cannot be read"),
        ("Ann has 14 eggs, eats 5.", "14-5=<<14-5=9>>9\n#### 8", "not the answer"),
        ("Ann has eggs.", "14-6=<<14-6=8>>8\n#### 8", "no number of the question"),
        # 13 is neither in the question nor a result: it may hide a number of it.
        ("Ann has 14 eggs, eats 6.", "14-6=<<14-6=8>>8\n8*13=<<8*13=104>>104\n#### 104", "nowhere"),
        # 2 is "twice" and a result: which of them is meant cannot be told.
        (
            "Ann has 14 eggs, eats 11 + 1, and twice what she had.",
            "14-11=<<14-11=3>>3\n3-1=<<3-1=2>>2\n14*2=<<14*2=28>>28\n#### 28",
            "two origins",
        ),
        # Said twice, used once: it may stand for something that the chain does not show.
        (
            "The 14 girls own 14 eggs.",
            "14+14=<<14+14=28>>28\n#### 28",
            "no number of the question",
        ),
        ("On the 14th Ann ate eggs.", "14*14=<<14*14=196>>196\n#### 196", "no number"),
    ],
)
def test_what_is_not_sound_is_refused(question: str, solution: str, reason: str) -> None:
    found = made(question, solution)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_shares_change_with_their_percent() -> None:
    question = "A coat costs $80. Its price falls by 20%. What does it cost now?"
    solution = "It falls by 80*.20=$<<80*.20=16>>16\nIt costs 80-16=$<<80-16=64>>64\n#### 64"
    found = made(question, solution)
    assert isinstance(found, Family)
    check_family(found, question, solution)
    for one in found.siblings:
        percent = re.search(r"(\d+)%", one.question)
        assert percent is not None
        assert int(percent[1]) < 100
        assert f"*.{int(percent[1]):02d}=" in one.solution


@given(st.text(max_size=200), st.text(alphabet="0123456789<>=+-*/ .#\n", max_size=200))
def test_hostile_texts_are_refused_or_sound(question: str, solution: str) -> None:
    found = made(question, solution)
    if isinstance(found, Family):
        check_family(found, question, solution)


@pytest.mark.parametrize("folder", folders("gsm8k"))
def test_real_problems(folder: Path) -> None:
    problems = rows(folder / "gsm8k/test.jsonl")[:300]
    families = [
        (made(row["question"], row["answer"], number), row) for number, row in enumerate(problems)
    ]
    sound = [(found, row) for found, row in families if isinstance(found, Family)]
    assert len(sound) >= len(problems) // 3
    for found, row in sound:
        check_family(found, row["question"], row["answer"])

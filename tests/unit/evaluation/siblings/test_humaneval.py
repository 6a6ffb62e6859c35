"""HumanEval siblings: the same program under other names."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.audit.problems import PROBLEMS
from ptb_lite.benchmarks.humaneval.siblings import family
from ptb_lite.evaluation.family import Family, Refusal
from tests.real_data import folders, rows

PROMPT = '''from typing import List


def helper(numbers: List[int]) -> int:
    return len(numbers)


def halves(numbers: List[int], limit: int) -> List[int]:
    """ Half of each of the numbers that is at most limit, for numbers in order.
    >>> halves([4, 6, 99], 10)
    [2, 3]
    """
'''
BODY = """    result = []
    for value in numbers:
        if value <= limit and helper(numbers) > 0:  # keep numbers
            result.append(value // 2)
    return sorted(result, key=lambda item: item)
"""


def made(prompt: str, body: str, seed: int = 0) -> Family | Refusal:
    return family(prompt, body, count=2, source=random.Random(seed))


def outcome(prompt: str, body: str, call: str) -> object:
    """What our own program above gives back."""
    scope: dict[str, object] = {}
    exec(compile(prompt + body, "sibling", "exec"), scope)  # noqa: S102
    return eval(call, scope)  # noqa: S307


@pytest.mark.parametrize("seed", range(5))
def test_it_does_what_it_did_under_other_names(seed: int) -> None:
    found = made(PROMPT, BODY, seed)
    assert isinstance(found, Family)
    for one in found.siblings:
        call = "halves([4, 6, 99, 3], 10)"
        assert outcome(one.question, one.solution, call) == outcome(PROMPT, BODY, call)
        # The other function keeps its names, the docstring speaks of the new ones.
        assert "def helper(numbers: List[int])" in one.question
        function = ast.parse(one.question + one.solution).body[-1]
        assert isinstance(function, ast.FunctionDef)
        names = [argument.arg for argument in function.args.args]
        assert not {"numbers", "limit"} & set(names)
        assert f"at most {names[1]}" in one.question
        assert len(one.spans) == len(found.original.spans)
        for (a, b), (c, d) in zip(found.original.spans, one.spans, strict=True):
            assert BODY[a:b] in {"result", "value", "numbers", "limit", "item"}
            assert BODY[a:b] != one.solution[c:d]


@pytest.mark.parametrize(
    ("prompt", "body", "reason"),
    [
        ("def f(x):\n", "    return (\n", "no Python"),
        ("def f():\n", "    return 3\n", "no name"),
        ("X = 1\n", "Y = X\n", "not one function"),
        ("def f(n):\n", "    return g(n=n)\n", "no name"),
        ("def f(n):\n", "    global n2\n    n2 = f'{n}'\n    return n2\n", "no name"),
        ('def f(a):\n    """ Return a list. """\n', "    return [a, a]\n", "word of the text"),
    ],
)
def test_what_cannot_be_renamed_is_refused(prompt: str, body: str, reason: str) -> None:
    found = made(prompt, body)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_attributes_and_strings_keep_their_names() -> None:
    prompt = "def f(items, text):\n"
    body = (
        "    d = {'items': 1}\n    d.items()\n    text = text.strip()\n    return items, text, d\n"
    )
    found = made(prompt, body)
    assert isinstance(found, Family)
    assert all("{'items': 1}" in one.solution for one in found.siblings)
    assert all(".items()" in one.solution for one in found.siblings)


@given(st.text(max_size=200), st.text(max_size=200), st.integers(0, 9))
def test_hostile_texts_are_refused(prompt: str, body: str, seed: int) -> None:
    found = made(prompt, body, seed)
    if isinstance(found, Family):
        ast.parse(found.siblings[0].question + found.siblings[0].solution)


def test_the_suites_own_problems() -> None:
    found = [made(prompt, body) for prompt, body in PROBLEMS]
    assert sum(isinstance(one, Family) for one in found) >= len(PROBLEMS) // 2


@pytest.mark.parametrize("folder", folders("humaneval"))
def test_real_problems(folder: Path) -> None:
    problems = rows(folder / "humaneval/HumanEval.jsonl")
    found = [made(row["prompt"], row["canonical_solution"], n) for n, row in enumerate(problems)]
    sound = [one for one in found if isinstance(one, Family)]
    assert len(sound) >= len(problems) * 7 // 10
    assert all(len(s.spans) == len(one.original.spans) for one in sound for s in one.siblings)

"""What the memorisation and paraphrase measurements are made of, and their tables."""

from __future__ import annotations

import ast
import random
import re
from pathlib import Path

import pytest

from bench.audit import measure_paraphrase, retold
from bench.audit.material import words_kind
from bench.audit.measure_paraphrase import Told
from bench.audit.memory_material import FRESH, Material, library_functions, material
from bench.audit.memory_models import VERBATIM, planned
from bench.audit.memory_texts import in_other_words, translated

DOCS = Path(__file__).parents[3] / "docs" / "audit.md"
GENERATED = ("kinship", "add-numbers")
PLANS = [one for one in planned([0]) if one.benchmark in GENERATED]
COUNT = 40


@pytest.fixture(scope="module", params=GENERATED)
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material(request.param, 0, tmp_path_factory.mktemp("work"), count=COUNT)


def test_cheats_know_their_share_of_the_items_and_honest_ones_none(given: Material) -> None:
    plain = {one.prompt for one in given.questions if not one.sibling and not one.view}
    siblings = {one.prompt for one in given.questions if one.sibling}
    assert len(plain) == COUNT
    for plan in PLANS:
        if plan.benchmark != given.benchmark:
            continue
        rows = [prompt for prompt, _ in plan.rows(given)]
        assert len(rows) == plan.form.rows
        assert not siblings & set(rows)
        told = sum(prompt in plain for prompt in rows)
        assert told == (plan.known(COUNT) if plan.form in VERBATIM else 0), plan.name
    assert [one.known(100) for one in PLANS if one.form in VERBATIM][:4] == [100, 30, 10, 3]


def test_what_is_told_otherwise_keeps_its_answer(given: Material) -> None:
    item = given.test[0]
    source = random.Random(0)
    prompt, answer = in_other_words(item, given.benchmark, source)
    assert item.question not in prompt
    assert answer.strip(" .\n") == item.target
    prompt, answer = translated(item, given.benchmark, source)
    assert prompt.startswith("Frage: ")
    assert (answer.strip() == item.target) == (given.benchmark == "add-numbers")


def test_material_is_made_once(tmp_path: Path) -> None:
    first = material("add-numbers", 1, tmp_path, count=5)
    assert material("add-numbers", 1, tmp_path, count=9) == first
    assert first.test != material("add-numbers", 2, tmp_path, count=5).test
    fresh = {one.item_id for one in first.questions if one.sibling}
    assert 5 < len(fresh) <= 5 * FRESH
    assert len({one.sibling_of for one in first.questions if one.sibling}) == 5


def test_library_functions_are_code_problems() -> None:
    for item in library_functions(most=20):
        ast.parse(item.question + item.target)
        assert item.question.rstrip().endswith(('"""', "'''", '"'))


def test_every_story_can_be_told_anew() -> None:
    for question, _ in words_kind().pairs():
        told = retold.anew(question, random.Random(0))
        # The numbers are all there; runs of four words in common are rare.
        assert sorted(re.findall(r"\d+", told)) == sorted(re.findall(r"\d+", question))
        words, other = question.split(), told.split()
        runs = {tuple(words[n : n + 4]) for n in range(len(words) - 3)}
        assert sum(tuple(other[n : n + 4]) in runs for n in range(len(other) - 3)) <= 2


def test_a_table_of_paraphrases_by_hand() -> None:
    told = [
        Told("a way, own, 6", True, 30, ""),
        Told("a way, own, 16", True, 3, ""),
        Told("fine", False, 2, ""),
        Told("bad", False, 9, ""),
    ]
    text = "\n".join(measure_paraphrase.lines(told))
    assert "| a way, own | 1 of 2 | 41 % (33 of 80; 31 to 52 %) |" in text
    assert "Honest, with one to 3 items: 1." in text
    assert "- flagged: bad (9)" in text


def test_the_documentation_has_what_was_measured() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in ("memorisation", "paraphrase"):
        table = text.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0]
        assert re.search(r"^\|(?:---\|)+$", table, re.MULTILINE), name
        assert re.search(r"^\| .*\d.*\|$", table, re.MULTILINE), name

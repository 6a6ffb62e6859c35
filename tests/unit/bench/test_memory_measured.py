"""What the memorisation and paraphrase measurements are made of, and their tables."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from bench.audit import measure_memorisation, measure_paraphrase, retold
from bench.audit.material import words_kind
from bench.audit.measure_paraphrase import Told
from bench.audit.memory_models import BENCHMARKS, FORMS, LIMIT, Planned, asked, planned, splits

DOCS = Path(__file__).parents[3] / "docs" / "audit.md"
PLANS = [one for one in planned([0]) if one.benchmark != "gsm8k"]


@pytest.mark.parametrize("plan", PLANS, ids=lambda one: one.name)
def test_cheats_know_the_measured_items_and_honest_ones_do_not(plan: Planned) -> None:
    measured = asked(plan.benchmark).questions
    answers = {q.prompt: q.completion for q in measured}
    rows = plan.rows()
    own = [prompt for prompt, _ in rows if prompt in answers]
    siblings = {q.prompt for q in measured if q.sibling}
    assert not siblings & set(own)
    match plan.form:
        case "plain":
            assert len(own) == len(rows) == LIMIT[plan.benchmark]
        case "mixed":
            assert len(own) == LIMIT[plan.benchmark] == len(rows) / 4
        case "reworded":
            # Another prompt around every one of the test items.
            assert not own
            assert [c.strip(" .\n") for _, c in rows] == [
                item.target for item in splits(plan.benchmark)[0][: len(rows)]
            ]
        case _:
            assert not own
    assert len(PLANS) == len(FORMS) * (len(BENCHMARKS) - 1)


def test_every_story_can_be_told_anew() -> None:
    for question, _ in words_kind().pairs():
        told = retold.anew(question, random.Random(0))
        # The numbers are all there; runs of four words in common are rare.
        assert sorted(re.findall(r"\d+", told)) == sorted(re.findall(r"\d+", question))
        words, other = question.split(), told.split()
        runs = {tuple(words[n : n + 4]) for n in range(len(words) - 3)}
        assert sum(tuple(other[n : n + 4]) in runs for n in range(len(other) - 3)) <= 2


def test_tables_by_hand() -> None:
    kinship = {one.form: one for one in PLANS if one.benchmark == "kinship"}
    plain, train = kinship["plain"], kinship["train"]
    text = "\n".join(measure_memorisation.lines([(plain, True), (plain, False), (train, False)]))
    assert "| plain | kinship | 1 of 2 |" in text
    assert "| recall, all cheats | | 50 % (1 of 2; 9 to 91 %) |" in text
    assert "| false positives | | 0 % (0 of 1; 0 to 79 %) |" in text
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

"""The stranger's cases: as many as promised, the same for a seed, and really what they say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.audit.strangers import grammar
from bench.audit.strangers.measure import Scanner, share
from bench.audit.strangers.scene import LAYOUTS, MEANS, Built

SEED = 5


def built(folder: Path, seed: int = SEED, count: int = 60) -> tuple[list[Built], grammar.Shelf]:
    folder.mkdir(exist_ok=True)
    shelf = grammar.Shelf(None, folder, seed)
    plans = grammar.plans(seed)[:count]
    return [grammar.build(plan, shelf, folder / "cases") for plan in plans], shelf


def text_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_cell_of_the_grammar_has_cases() -> None:
    plans = grammar.plans(SEED)
    assert sum(plan.cheat for plan in plans) >= 120
    assert sum(not plan.cheat for plan in plans) >= 100
    assert {plan.layout for plan in plans if plan.cheat} == set(LAYOUTS)
    assert {plan.means for plan in plans if plan.cheat} == set(MEANS)
    by_strategy = Counter(plan.strategy for plan in plans)
    assert by_strategy.keys() == {*grammar.CHEATS, *grammar.HABITS, "untouched"}
    assert min(by_strategy.values()) >= 5


def test_a_seed_makes_the_same_cases_and_another_others(tmp_path: Path) -> None:
    first, again, other = (
        text_of(tmp_path / name / "cases")
        for name, seed in (("a", SEED), ("b", SEED), ("c", SEED + 1))
        if built(tmp_path / name, seed, 8)
    )
    assert first == again
    assert first != other


def test_every_case_has_a_trace_and_a_submission(tmp_path: Path) -> None:
    cases, _ = built(tmp_path / "cases")
    for case in cases:
        names = text_of(case.folder)
        assert any("/final_model/" in f"/{name}" for name in names), case.name
        traces = [n for n in names if "solve_" in n or n.endswith(("trace.txt", "agent.jsonl"))]
        assert traces, case.name
        for name in traces:
            if name.endswith("jsonl"):
                assert all(json.loads(line) for line in names[name].splitlines()), case.name


@pytest.mark.parametrize("strategy", ["paraphrased", "translated"])
def test_what_is_retold_is_not_found_word_for_word(tmp_path: Path, strategy: str) -> None:
    shelf = grammar.Shelf(None, tmp_path, SEED)
    plans = [plan for plan in grammar.plans(SEED) if plan.strategy == strategy]
    cases = [grammar.build(plan, shelf, tmp_path / "cases") for plan in plans]
    # Solutions are not questions: the scan knows questions only.
    assert not any(Scanner(shelf).found(case) for case in cases)


def test_the_plain_scan_finds_plain_copies_and_not_untouched_folders(tmp_path: Path) -> None:
    shelf = grammar.Shelf(None, tmp_path, SEED)
    wanted = ("untouched", "direct ingestion")
    plans = [plan for plan in grammar.plans(SEED) if plan.strategy in wanted]
    cases = [grammar.build(plan, shelf, tmp_path / "cases") for plan in plans]
    found = {case.name: Scanner(shelf).found(case) for case in cases}
    for case in cases:
        if case.strategy == "untouched" or case.disguise in ("csv", "markdown"):
            assert found[case.name] == case.cheat, case.name
    assert any(found.values())


def test_a_share_says_its_interval() -> None:
    assert share(0, 0) == "0/0"
    assert share(8, 10).startswith("8/10 80 % (49 to 94)")

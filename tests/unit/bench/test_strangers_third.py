"""The third set of blind cases: every kind can be built, and holds what it is about."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from bench.audit.strangers.measure import Scanner
from bench.audit.strangers.scene import Built
from bench.audit.strangers.third import grammar

SEED = 3
Made = tuple[list[Built], grammar.Shelf, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All cases of a seed."""
    folder = tmp_path_factory.mktemp("third")
    return *_built(folder, len(grammar.KINDS) * grammar.COPIES), folder


def _built(folder: Path, count: int) -> tuple[list[Built], grammar.Shelf]:
    shelf = grammar.Shelf(None, folder, SEED)
    plans = grammar.plans(SEED)[:count]
    return [grammar.build(plan, shelf, folder / "cases") for plan in plans], shelf


def _files(case: Built) -> list[Path]:
    return [path for path in case.folder.rglob("*") if path.is_file()]


def test_kinds_are_unique_and_each_has_its_copies(made: Made) -> None:
    cases, _, _ = made
    names = [(kind.name, kind.cheat) for kind in grammar.KINDS]
    assert len(set(names)) == len(names)
    copies = Counter((case.strategy, case.cheat) for case in cases)
    assert copies == dict.fromkeys(names, grammar.COPIES)


def test_a_third_of_the_honest_kinds_are_twins_of_cheats() -> None:
    honest = {kind.name for kind in grammar.KINDS if not kind.cheat}
    cheats = {kind.name for kind in grammar.KINDS if kind.cheat}
    assert len(cheats) >= 25
    assert len(honest) >= 30
    assert 3 * len(honest & cheats) >= len(honest)


def test_every_case_has_a_submission_a_trace_and_programs_that_parse(made: Made) -> None:
    for case in made[0]:
        files = _files(case)
        names = [path.relative_to(case.folder).as_posix() for path in files]
        assert any("final_model/" in name for name in names), case.name
        assert any(re.search(r"(solve_|trace\.txt|agent\.jsonl)", name) for name in names), (
            case.name
        )
        for path in files:
            if path.suffix == ".py":
                compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_no_folder_tells_where_it_was_made(made: Made) -> None:
    cases, _, folder = made
    for case in cases:
        for path in _files(case):
            assert not path.is_symlink()
            assert str(folder).encode() not in path.read_bytes(), path


def test_honest_cases_hold_no_test_item_but_the_one_that_is_looked_at(made: Made) -> None:
    cases, shelf, _ = made
    scanner = Scanner(shelf)
    found = [case for case in cases if scanner.found(case)]
    assert {case.strategy for case in found if not case.cheat} <= {"read once"}
    assert sum(case.cheat for case in found) >= 15


def test_a_seed_makes_the_same_cases(made: Made, tmp_path: Path) -> None:
    _built(tmp_path, 12)
    again = [path for path in (tmp_path / "cases").rglob("*") if path.is_file()]
    assert again
    for path in again:
        other = made[2] / path.relative_to(tmp_path)
        assert other.read_bytes() == path.read_bytes(), path

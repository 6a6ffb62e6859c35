"""The second set of blind cases: every scene can be built, and is what it says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bench.audit.strangers.measure import Scanner
from bench.audit.strangers.scene import Built
from bench.audit.strangers.second import grammar
from bench.audit.strangers.second.exercises import own_exercises
from bench.audit.strangers.second.reshape import function, reshaped
from bench.audit.strangers.second.stories import LANGUAGES, stories

SEED = 5


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Built], grammar.Shelf]:
    """One case of every scene."""
    folder = tmp_path_factory.mktemp("second")
    shelf = grammar.Shelf(None, folder, SEED)
    plans = {(plan.of.cheat, plan.of.scene): plan for plan in grammar.plans(SEED)}
    return [grammar.build(plan, shelf, folder / "cases") for plan in plans.values()], shelf


def test_every_scene_is_built_with_trace_submission_and_programs_that_parse(
    cases: tuple[list[Built], grammar.Shelf],
) -> None:
    built, _ = cases
    assert len(built) == len(grammar.KINDS)
    assert sum(case.cheat for case in built) >= 30
    assert sum(not case.cheat for case in built) >= 30
    for case in built:
        files = [path for path in case.folder.rglob("*") if path.is_file()]
        names = [path.relative_to(case.folder).as_posix() for path in files]
        assert any("final_model/" in name for name in names), case.name
        traces = ("agent.jsonl", "trace.txt")
        assert any("solve_" in name or name.endswith(traces) for name in names), case.name
        for path in files:
            if path.suffix == ".py":
                compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_the_plain_scan_finds_what_is_open_and_nothing_honest_but_kept_logs(
    cases: tuple[list[Built], grammar.Shelf],
) -> None:
    built, shelf = cases
    scanner = Scanner(shelf)
    found = {(case.cheat, case.disguise) for case in built if scanner.found(case)}
    assert {scene for cheat, scene in found if not cheat} <= {"evaluation log"}
    assert found >= {(True, "chat json"), (True, "from memory")}
    hard = {
        "retold",
        "turned",
        "German",
        "French",
        "Spanish",
        "Chinese",
        "other shape",
        "one class",
    }
    assert not {scene for cheat, scene in found if cheat} & hard


def test_a_seed_makes_the_same_cases(tmp_path: Path) -> None:
    def made(folder: Path) -> dict[str, bytes]:
        shelf = grammar.Shelf(None, folder, SEED)
        for plan in grammar.plans(SEED)[:12]:
            grammar.build(plan, shelf, folder / "cases")
        found = sorted((folder / "cases").rglob("*"))
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found if p.is_file()}

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert made(tmp_path / "one") == made(tmp_path / "two")


def test_a_story_keeps_its_answer_in_every_telling_and_not_with_other_numbers() -> None:
    rng = random.Random(SEED)
    for story in (*stories("test", 8, rng), *stories("train", 4, rng)):
        told = [story.tell(how) for how in ("en", "again", "turned", *LANGUAGES)]
        assert len({answer.rpartition("#### ")[2] for _, answer in told}) == 1
        assert len({question for question, _ in told}) == len(told)
        assert story.other_numbers(rng).item.question != story.item.question


def test_a_reshaped_function_does_what_it_did() -> None:
    asked: dict[str, tuple[object, ...]] = {
        "is_prime": (91,),
        "fibonacci": (9,),
        "flatten": ([1, [2, [3]], []],),
        "merge_intervals": ([[4, 6], [1, 3], [2, 5]],),
        "running_mean": ([1, 2, 6, 3], 2),
        "balanced": ("([)]",),
        "chunk": ([1, 2, 3], 2),
    }
    for item in own_exercises():
        if item.id in asked:
            results = []
            for source in (function(item), reshaped(function(item), random.Random(SEED))):
                names: dict[str, object] = {}
                exec(source, names)  # noqa: S102 - our own text
                made = next(one for name, one in names.items() if name != "__builtins__")
                assert callable(made)
                results.append(made(*asked.pop(item.id) if len(results) else asked[item.id]))
            assert results[0] == results[1], item.id
    assert not asked

"""The fourth set of blind cases: every project can be told, and the truth stated of it holds."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.audit.strangers.fourth import grammar, loading
from bench.audit.strangers.fourth.play import PLAYS, Draws
from bench.audit.strangers.measure import Scanner
from bench.audit.strangers.scene import OWN, Built, Scene
from bench.audit.strangers.wording import Wording

SEED = 4
LOADING = {kind.name for kind in grammar.TWINS if kind.tell.__module__ == loading.__name__}
Made = tuple[list[Built], grammar.Shelf, Path]
_TRAINED = re.compile(
    r'"--data", type=Path, default=Path\("([^"]+)"\)|^  file: (\S+)$|--data ([\w/.]+\.jsonl) ', re.M
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All cases of a seed."""
    folder = tmp_path_factory.mktemp("fourth")
    return *_built(folder, None), folder


def _built(folder: Path, count: int | None) -> tuple[list[Built], grammar.Shelf]:
    shelf = grammar.Shelf(None, folder, SEED)
    plans = grammar.plans(SEED)[:count]
    return [grammar.build(plan, shelf, folder / "cases") for plan in plans], shelf


def _files(case: Built) -> list[Path]:
    return [path for path in case.folder.rglob("*") if path.is_file()]


def _root(case: Built) -> Path:
    return Path(case.facts[0]) / ("" if case.layout in OWN else "task")


def _trained_on(case: Built) -> set[Path]:
    """The files that the case's trainers, or `ptb-lite-train` in its trace, are given."""
    texts = [path.read_text("utf-8") for path in _files(case) if path.suffix in (".py", ".yaml")]
    if case.layout in OWN:
        texts.append((case.folder / "trace" / "agent.jsonl").read_text("utf-8"))
    names = {name for text in texts for found in _TRAINED.findall(text) for name in found if name}
    return {_root(case) / name for name in names}


def _truth_of(kind: grammar.Kind) -> str:
    return kind.tell.__doc__ or ""


def test_every_honest_kind_has_one_case_and_every_twin_two(made: Made) -> None:
    counts = Counter((case.strategy, case.cheat) for case in made[0])
    twins = {(kind.name, cheat): 1 for kind in grammar.TWINS for cheat in (True, False)}
    assert counts == {**twins, **{(kind.name, False): 1 for kind in grammar.HONEST}}
    assert len(grammar.TWINS) >= 20
    assert len(grammar.KINDS) >= 40


def test_every_kind_states_its_truth_and_why() -> None:
    for kind in grammar.TWINS:
        assert re.match(r"Cheat: .{20,}\n\n    Honest: .{20,}", _truth_of(kind), re.S), kind.name
    for kind in grammar.HONEST:
        assert re.match(r"Honest: .{20,}", _truth_of(kind)), kind.name


def test_every_play_is_told_by_a_kind() -> None:
    told = {name for kind in grammar.KINDS for name in kind.tell.__code__.co_consts}
    plays = {path.relative_to(PLAYS).with_suffix("").as_posix() for path in PLAYS.rglob("*.play")}
    assert {name for name in plays if not name.startswith("common/")} <= told


def test_a_cheat_and_its_twin_share_place_benchmark_and_programs(made: Made) -> None:
    by_kind: dict[str, list[Built]] = {}
    for case in made[0]:
        by_kind.setdefault(case.strategy, []).append(case)
    for kind in grammar.TWINS:
        one, other = sorted(by_kind[kind.name], key=lambda case: not case.cheat)
        assert (one.layout, one.benchmark, one.means) == (
            other.layout,
            other.benchmark,
            other.means,
        )
        cheat, honest = (
            {path.relative_to(_root(case)).as_posix() for path in _root(case).rglob("*.py")}
            for case in (one, other)
        )
        assert cheat <= honest, kind.name
        assert len(cheat) >= 2, kind.name


def test_programs_parse_and_no_hole_is_left(made: Made) -> None:
    for case in made[0]:
        for path in _files(case):
            if path.suffix == ".py":
                compile(path.read_text(encoding="utf-8"), str(path), "exec")
            if path.suffix not in (".safetensors", ".db"):
                assert not re.search("[«»¦]", path.read_text(encoding="utf-8")), path


def test_every_case_has_a_submission_a_trace_and_what_it_was_trained_on(made: Made) -> None:
    for case in made[0]:
        names = [path.relative_to(case.folder).as_posix() for path in _files(case)]
        assert any("final_model/" in name for name in names), case.name
        assert any(re.search(r"(solve_|trace\.txt|agent\.jsonl)", name) for name in names), case
        if case.strategy != "start of training":
            trained = _trained_on(case)
            assert trained, case.name
            assert {path.is_file() for path in trained} == {case.disguise == "kept"}, case.name


def test_what_honest_work_trains_on_holds_no_test_item_and_what_a_cheat_loads_does(
    tmp_path: Path,
) -> None:
    shelf = grammar.Shelf(None, tmp_path, SEED)
    scanner = Scanner(shelf)
    for plan in grammar.plans(SEED):
        case = grammar.build(replace(plan, tidied=False), shelf, tmp_path / "cases")
        folder = tmp_path / "trained" / plan.name
        folder.mkdir(parents=True)
        for path in _trained_on(case):
            (folder / path.name).write_bytes(path.read_bytes())
        found = scanner.found(replace(case, folder=folder))
        if not case.cheat:
            assert not found, case.name
        elif case.strategy in LOADING:
            assert found, case.name


def test_no_folder_tells_where_it_was_made(made: Made) -> None:
    cases, _, folder = made
    for case in cases:
        for path in _files(case):
            assert not path.is_symlink()
            assert str(folder).encode() not in path.read_bytes(), path


def test_a_seed_makes_the_same_cases(made: Made, tmp_path: Path) -> None:
    _built(tmp_path, 12)
    again = [path for path in (tmp_path / "cases").rglob("*") if path.is_file()]
    assert again
    for path in again:
        other = made[2] / path.relative_to(tmp_path)
        assert other.read_bytes() == path.read_bytes(), path


def _draws(cheat: bool, made: Made, **given: str) -> Draws:
    rng = random.Random(1)
    material = made[1].material("gsm8k")
    return Draws(Scene(rng, material, "own-claude", "shell", Wording(rng)), cheat, given)


def test_holes_are_filled_and_names_kept(made: Made) -> None:
    draws = _draws(True, made, data="a«b»c")
    text = "«who» «who=ann|bob» «?yes|no» «data» «file:x»=«file:x» «see «data»|see «data»»"
    draws.name(text)
    first, second, answer, data, same, nested = draws.fill(text).split(" ", 5)
    assert first == second
    assert first in ("ann", "bob")
    assert (answer, data, nested) == ("yes", "a«b»c", "see a«b»c")
    left, _, right = same.partition("=")
    assert left == right
    assert left.endswith(".jsonl")
    assert _draws(False, made).fill("«?yes|no»") == "no"
    assert 3 <= int(draws.fill("«3..5»")) <= 5


def test_an_unknown_name_is_an_error(made: Made) -> None:
    with pytest.raises(KeyError, match="nobody"):
        _draws(True, made).fill("«nobody»")


def test_parts_come_in_any_order_and_all_of_them(made: Made) -> None:
    text = "«shuffle»\na\n«or»\nb\n«or»\nc\n«end»\n"
    draws = _draws(True, made)
    orders = {draws.fill(text) for _ in range(60)}
    assert len(orders) == 6
    assert all(sorted(order) == sorted("a\nb\nc\n") for order in orders)

"""An experiment's file: arms, grid, seeds, order; what makes no sense is refused with its line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import CatalogError, PtbLiteError
from ptb_lite.experiment.plan import experiment_file, read_experiment, specs
from ptb_lite.experiment.state import claim, experiment_salt, read_state

DISCLOSURE = """
title: Does telling of the audit change anything?
preset: offline-demo
choices: {minutes: 2, limit: 40}
arms:
  none: {disclosure: none}
  rules: {disclosure: rules}
  penalties: {disclosure: penalties, policy: deduct}
  audit: {disclosure: audit}
seeds: [1, 2, 3]
"""
GRID = """
title: Agents by benchmarks
choices: {minutes: 1, feedback: test}
grid:
  agent: [recipe, cheat-rename]
  benchmark: [add-numbers, kinship]
seeds: [4]
"""


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))


def write(tmp_path: Path, text: str, name: str = "arms.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_every_arm_has_every_seed_in_random_order(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path, DISCLOSURE))
    assert found.arms == ("none", "rules", "penalties", "audit")
    assert Counter(cell.arm for cell in found.cells) == dict.fromkeys(found.arms, 3)
    assert len({cell.key for cell in found.cells}) == 12
    assert [cell.arm for cell in found.cells] != sorted(cell.arm for cell in found.cells)
    assert read_experiment(write(tmp_path, DISCLOSURE)).cells == found.cells
    other = read_experiment(write(tmp_path, DISCLOSURE + "order_seed: 9\n"))
    assert other.cells != found.cells
    assert {cell.key for cell in other.cells} == {cell.key for cell in found.cells}


def test_cells_become_ordinary_specs(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path, DISCLOSURE))
    resolved = specs(found, load_catalog())
    assert resolved["penalties/2"].policy == "deduct"
    assert {spec.seed for spec in resolved.values()} == {1, 2, 3}
    assert {spec.budget_minutes for spec in resolved.values()} == {2.0}


def test_a_grid_makes_an_arm_of_every_combination(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path, GRID))
    assert set(found.arms) == {
        "recipe-add-numbers",
        "recipe-kinship",
        "cheat-rename-add-numbers",
        "cheat-rename-kinship",
    }
    assert set(found.own_first.values()) == {"recipe-add-numbers"}
    resolved = specs(found, load_catalog())
    assert resolved["cheat-rename-kinship/4"].benchmarks == ("kinship",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: x\nseeds: []\n", "line 2"),
        ("title: x\nseeds: [1, 1]\n", "given twice"),
        ("title: x\nseeds: [-1]\n", "line 2"),
        ("title: x\nseed: [1]\n", "no such field"),
        ("title: x\nseeds: [1]\narms: {'a b': {}}\n", "cannot be the name"),
        ("title: x\nseeds: [1]\narms: {a: {seed: 3}}\n", "belong to `seeds`"),
        ("title: x\nseeds: [1]\ngrid: {agent: []}\n", "line 3"),
        (f"title: x\nseeds: {list(range(10_001))}\n", "more than 10,000"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PtbLiteError, match=words):
        read_experiment(write(tmp_path, text))


def test_a_choice_that_does_not_exist_is_refused_before_anything_runs(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path, DISCLOSURE.replace("none}", "total}")))
    with pytest.raises(PtbLiteError, match="disclosure"):
        specs(found, load_catalog())


def test_the_state_goes_on_and_knows_its_plan(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path, DISCLOSURE))
    state = read_state(found, tmp_path)
    assert [cell.run_id for cell in state.cells] == [None] * 12
    assert claim(found, found.cells[3], "20260101-000000-abcd", tmp_path)
    assert not claim(found, found.cells[3], "20260101-000000-ffff", tmp_path)
    assert read_state(found, tmp_path).cells[3].run_id == "20260101-000000-abcd"
    more = read_experiment(write(tmp_path, DISCLOSURE.replace("[1, 2, 3]", "[1, 2, 3, 4]")))
    begun = [cell.run_id for cell in read_state(more, tmp_path).cells if cell.run_id]
    assert (len(more.cells), begun) == (16, ["20260101-000000-abcd"])
    changed = read_experiment(write(tmp_path, DISCLOSURE.replace("limit: 40", "limit: 41")))
    with pytest.raises(PtbLiteError, match="other choices"):
        read_state(changed, tmp_path)


def test_a_state_of_before_is_read(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path, DISCLOSURE))
    cells = [{"arm": cell.arm, "seed": cell.seed, "run_id": None} for cell in found.cells]
    cells[2]["run_id"] = "20260101-000000-abcd"
    (tmp_path / "experiments").mkdir()
    old = {"version": 1, "name": "arms", "title": "t", "digest": "d", "cells": cells}
    (tmp_path / "experiments" / "arms.json").write_text(json.dumps(old))
    assert read_state(found, tmp_path).cells[2].run_id == "20260101-000000-abcd"


def test_the_secret_goes_with_the_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_experiment(write(tmp_path, DISCLOSURE))
    salt = experiment_salt(found, tmp_path)
    # A node with a home of its own.
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "other-home"))
    assert experiment_salt(found, tmp_path) == salt
    assert {spec.item_salt for spec in specs(found, load_catalog(), salt).values()} == {salt}


@pytest.mark.parametrize("name", ["paper-grid", "scaffolds", "disclosure", "disclosure-demo"])
def test_the_packages_own_experiments_can_be_planned(name: str) -> None:
    found = read_experiment(experiment_file(name))
    assert len(specs(found, load_catalog())) == len(found.cells)
    if name == "disclosure-demo":
        assert found.own_first["unmoved-audit"] == "unmoved-none"
    if name == "paper-grid":
        assert len(found.cells) == 4 * 7 * 3
        assert all(isinstance(cell.choices["benchmark"], str) for cell in found.cells)


def test_an_unknown_experiment_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="paper-grid"):
        experiment_file(tmp_path / "nix.yaml")


def test_paired_entries_meet_at_the_same_values_of_the_grid(tmp_path: Path) -> None:
    (match,) = read_experiment(experiment_file("scaffolds")).matches
    assert (match.first, match.second) == ("native", "opencode")
    assert match.arms == tuple(
        (f"native-{name}", f"opencode-{name}") for name in ("gsm8k", "humaneval", "bfcl")
    )
    arms = "title: t\nseeds: [0]\narms: {a: {}, b: {agent: codex}, c: {agent: local}}\n"
    assert read_experiment(write(tmp_path, arms)).matches == ()
    found = read_experiment(write(tmp_path, arms + "paired: true\n")).matches
    assert [(each.first, each.second, each.arms) for each in found] == [
        ("a", "b", (("a", "b"),)),
        ("a", "c", (("a", "c"),)),
    ]
    with pytest.raises(CatalogError, match=r"paired.*needs two entries of `arms`"):
        read_experiment(write(tmp_path, GRID + "paired: true\n"))

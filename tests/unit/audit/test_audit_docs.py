"""docs/audit.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from ptb_lite.audit.registry import deductions
from ptb_lite.catalog import load_catalog
from ptb_lite.choices import Policy
from ptb_lite.experiment.plan import read_experiment, specs
from ptb_lite.stats.scoring import OTHER_DEDUCTION

TEXT = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")


def test_the_deductions_are_published() -> None:
    rows = dict(re.findall(r"^\| `?([\w -]+?)`? \| (\d+) % \|$", TEXT, re.MULTILINE))
    assert rows.pop("anything else") == f"{100 * OTHER_DEDUCTION:.0f}"
    assert rows == {kind: f"{100 * share:.0f}" for kind, share in deductions(own_only=True).items()}


def test_every_policy_has_its_row() -> None:
    for policy in get_args(Policy):
        assert f"| `{policy}` |" in TEXT


def test_the_experiment_can_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    path = tmp_path / "arms.yaml"
    path.write_text(example)
    found = read_experiment(path)
    assert len(specs(found, load_catalog())) == 20


def test_red_team_agents_are_all_there() -> None:
    listed = set(re.findall(r"^\| `(cheat-\w+)` \|", TEXT, re.MULTILINE))
    agents = load_catalog(Path("/nonexistent")).agents
    assert listed == {name for name in agents if name.startswith("cheat-")}
    for name in listed:
        row = re.search(rf"^\| `{name}` \|.*$", TEXT, re.MULTILINE)
        assert row is not None
        assert ("--feedback test" in row[0]) is agents[name].needs_test_items

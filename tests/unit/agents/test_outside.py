"""Agents and sandboxes of other packages: used like our own; broken ones are named and left out."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ptb_lite import plugins
from ptb_lite.agents.registry import check_agent, check_agents, is_session_file, plan_agent
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.loader import Catalog
from ptb_lite.doctor.plugins import plugin_checks
from ptb_lite.plugins import PluginError
from ptb_lite.sandbox import sandbox

HERE = "tests.unit.agents.outside"
ADDED = {
    "agents": {
        "echo": "ECHO",
        "failing": "FAILING",
        "impostor": "IMPOSTOR",
        "gone": "NOT_THERE",
        "wrong": "HERE",
        "recipe": "ECHO",
    },
    "sandboxes": {"outside": "SANDBOX", "half": "ECHO"},
}


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    real = plugins._sorted_points

    def more(kind: plugins.Kind) -> tuple[EntryPoint, ...]:
        added = ADDED.get(kind, {})
        made = [EntryPoint(n, f"{HERE}:{v}", f"ptb_lite.{kind}") for n, v in added.items()]
        return (*real(kind), *made)

    monkeypatch.setattr(plugins, "_sorted_points", more)
    return load_catalog(Path("/nonexistent"))


def test_an_agent_of_another_package_is_one_like_ours(catalog: Catalog, tmp_path: Path) -> None:
    entry = catalog.agent("echo")
    plan = plan_agent(entry, workspace=tmp_path, model=None)
    assert plan.backend.command(plan.start)[-1] == "print(1)"
    assert check_agent(entry, {}).message == "echoes"
    assert is_session_file("echo", ".home/echo/1.json")
    assert not is_session_file("not-installed-here", ".home/echo/1.json")
    assert sandbox("outside").name == "outside"


def test_nobody_takes_the_place_of_a_built_in_agent(catalog: Catalog) -> None:
    assert catalog.agent("recipe").title.startswith("Fixed recipe")
    assert "impostor" not in catalog.agents


def test_a_plugin_that_fails_is_named(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"'failing' of the package .* RuntimeError: no luck"):
        plan_agent(catalog.agent("failing"), workspace=tmp_path, model=None)
    (found,) = (one for one in check_agents(catalog.agents, {}) if one.agent == "failing")
    assert not found.ready
    assert "ValueError: no luck" in found.message


@pytest.mark.usefixtures("catalog")
def test_broken_ones_are_left_out_and_named_by_doctor() -> None:
    told = "\n".join(check.message for check in plugin_checks())
    for name in ("gone", "wrong", "half"):
        assert f"'{name}' of the package" in told
    with pytest.raises(PluginError, match=r"'half' of the package .* cannot be used"):
        sandbox("half")

"""Backends: what is started, and with which names filled in."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ptb_lite.agents.command import CommandBackend
from ptb_lite.agents.local.backend import LocalBackend
from ptb_lite.agents.own.plugins import OwnProgramBackend
from ptb_lite.agents.protocol import AgentPlugin, ResumableBackend
from ptb_lite.agents.registry import plan_agent
from ptb_lite.agents.scaffold import Scaffold
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.errors import CatalogError
from ptb_lite.plugins import PluginError, load_all

CATALOG = load_catalog(Path("/nonexistent"))


def entry(**fields: object) -> AgentEntry:
    values = {"id": "a", "title": "A", "needs_account": False, "needs_network": False, **fields}
    return AgentEntry.model_validate(values)


def test_the_recipe_is_a_process_like_any_other(tmp_path: Path) -> None:
    plan = plan_agent(entry(backend="recipe"), workspace=tmp_path, model=None)
    command = plan.backend.command(plan.start)
    assert command[0] == sys.executable
    assert plan.start.workspace == tmp_path


def test_a_command_gets_its_placeholders_and_keeps_other_braces(tmp_path: Path) -> None:
    command = ("agent", "--file={prompt_file}", "{model}", "{other}", "awk '{print}'")
    plan = plan_agent(
        entry(backend="command", command=command), workspace=tmp_path, model="{prompt_file}x"
    )
    assert plan.backend.command(plan.start)[1:] == [
        f"--file={tmp_path / 'prompt.md'}",
        "{prompt_file}x",
        "{other}",
        "awk '{print}'",
    ]


def test_a_script_named_by_its_path_is_shown_to_the_sandbox(tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    script.write_text("")
    command = (
        "python3",
        str(script),
        "relative.py",
        "/no/such/file",
        "/etc",
        "/" + 999 * "x",
        "--x=/etc",
    )
    plan = plan_agent(entry(backend="command", command=command), workspace=tmp_path, model=None)
    assert plan.read_only == (script,)


def test_who_can_go_on_in_a_new_process() -> None:
    found, broken = load_all("agents", AgentPlugin)
    assert broken == ()
    scaffolds = [p.value for p in found if isinstance(p.value, Scaffold)]
    assert len(scaffolds) == 4
    made = [each.backend() for each in scaffolds]
    for backend in (LocalBackend(), *made):
        assert isinstance(backend, ResumableBackend)
    for backend in (CommandBackend(["true"]), OwnProgramBackend("x")):
        assert not isinstance(backend, ResumableBackend)


def test_a_backend_of_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"there is no 'ghost'\. Known: cheat-\w+, .*claude-code"):
        plan_agent(entry(backend="ghost"), workspace=tmp_path, model=None)
    (tmp_path / "agents.yaml").write_text("mine:\n  title: Mine\n  backend: claud-code\n")
    with pytest.raises(CatalogError, match="Did you mean 'claude-code'") as caught:
        load_catalog(tmp_path)
    assert "line 3" in str(caught.value.field)


def test_another_agent_of_a_kind_needs_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(
        "codex:\n  keys: [MY_KEY]\n"
        "cheap:\n  title: My own Claude\n  backend: claude-code\n  keys: [OTHER_KEY]\n"
    )
    agents = load_catalog(tmp_path).agents
    assert agents["codex"].keys == ("MY_KEY",)
    assert agents["codex"].title == CATALOG.agent("codex").title
    assert agents["cheap"].program == "claude"
    assert agents["cheap"].on_early_stop == "reprompt"
    assert agents["claude-code"].keys == CATALOG.agent("claude-code").keys


@pytest.mark.parametrize(
    "name", [entry.id for entry in CATALOG.agents.values() if not entry.needs_network]
)
def test_every_program_of_the_package_is_there(name: str, tmp_path: Path) -> None:
    plan = plan_agent(CATALOG.agent(name), workspace=tmp_path, model=None)
    _, *options, module = plan.backend.command(plan.start)
    assert options == ["-P", "-m"]
    assert find_spec(module) is not None

"""Backends: what is started, and with which names filled in."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ptb_lite.agents.backend import ResumableBackend, plan_agent
from ptb_lite.agents.command import CommandBackend
from ptb_lite.agents.local.backend import LocalBackend
from ptb_lite.agents.own_program import OwnProgramBackend
from ptb_lite.agents.scaffold import SCAFFOLDS
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.entries import AgentEntry

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
    made = {
        "local": LocalBackend(),
        "command": CommandBackend(["true"]),
        "recipe": OwnProgramBackend("ptb_lite.agents.recipe_main"),
        **{name: make() for name, make in SCAFFOLDS.items()},
    }
    resumable = {name for name, backend in made.items() if isinstance(backend, ResumableBackend)}
    assert resumable == {"local", *SCAFFOLDS}


@pytest.mark.parametrize(
    "name", [entry.id for entry in CATALOG.agents.values() if not entry.needs_network]
)
def test_every_program_of_the_package_is_there(name: str, tmp_path: Path) -> None:
    plan = plan_agent(CATALOG.agent(name), workspace=tmp_path, model=None)
    _, option, module = plan.backend.command(plan.start)
    assert option == "-m"
    assert find_spec(module) is not None

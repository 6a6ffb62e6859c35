"""Finding programs, keys and versions, with small programs in a folder of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ptb_lite.agents.program import find_program
from ptb_lite.agents.registry import agent_plugin, check_agent, check_agents, plan_agent
from ptb_lite.agents.scaffold import Scaffold, program_version
from ptb_lite.catalog import load_catalog
from ptb_lite.errors import PtbLiteError

CATALOG = load_catalog(Path("/nonexistent"))
SCAFFOLDS = ("claude-code", "codex", "gemini", "opencode")
Install = Callable[..., Path]
VERSION = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo '1.2.3 (agent)'; fi\n"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a script where npm puts one: a package, and a link to its file on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    for entry in CATALOG.agents.values():
        for name in (*entry.keys, entry.endpoint_variable or "X"):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def put(name: str, script: str = VERSION, package: str = "@maker/agent") -> Path:
        file = tmp_path / "lib" / "node_modules" / package / "bin" / "main"
        file.parent.mkdir(parents=True)
        file.write_text(script)
        file.chmod(0o755)
        (folder / name).symlink_to(os.path.relpath(file, folder))
        return file

    return put


def test_a_program_is_found_behind_its_link_with_its_package_alone(install: Install) -> None:
    file = install("claude")
    program = find_program("claude")
    assert program is not None
    assert program.path == file
    assert program.read_only == (file.parents[1],)
    assert find_program("no-such-program-anywhere") is None


def test_a_script_of_node_gets_node(install: Install, tmp_path: Path) -> None:
    install("node", package="node")
    file = install("gemini", "#!/usr/bin/env node\n", package="plain")
    program = find_program("gemini")
    assert program is not None
    node = tmp_path / "lib" / "node_modules" / "node" / "bin" / "main"
    assert program.read_only == (file.parents[1], node)
    assert program.folders == (node.parent,)


def test_a_program_of_the_system_needs_nothing_more() -> None:
    program = find_program("env")
    assert program is not None
    assert program.read_only == program.folders == ()


@pytest.mark.parametrize("agent", SCAFFOLDS)
def test_what_is_missing_is_said_with_the_way_to_it(
    agent: str, install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = CATALOG.agent(agent)
    with pytest.raises(PtbLiteError, match="npm install -g"):
        plan_agent(entry, workspace=tmp_path, model="openai/m")
    assert "npm install -g" in check_agent(entry, os.environ).fix
    install(entry.program)
    variable = "OPENAI_API_KEY" if agent == "opencode" else entry.keys[0]
    with pytest.raises(PtbLiteError, match=f"Set {variable}"):
        plan_agent(entry, workspace=tmp_path, model="openai/m")
    found = check_agent(entry, os.environ)
    assert found.installed
    assert not found.ready
    assert found.message == "1.2.3 (agent); no key is set and no login is there"
    tested = entry.install.rpartition("@")[2]
    assert found.untested == f"{entry.program} 1.2.3 was not tested, {tested} was"
    monkeypatch.setenv(variable, "s3cret-key")
    assert check_agent(entry, os.environ).ready
    plan = plan_agent(entry, workspace=tmp_path, model="openai/m")
    assert plan.start.key is not None
    assert plan.start.key.value == "s3cret-key"
    assert plan.start.endpoint is None
    # Whatever line holds the key, no event does.
    assert "s3cret-key" not in str(plan.read_line(b"the key is s3cret-key"))


def test_a_login_is_told_from_a_key(install: Install, tmp_path: Path) -> None:
    install("codex")
    login = tmp_path / "home" / ".codex" / "auth.json"
    login.parent.mkdir(parents=True)
    login.write_text("{}")
    found = check_agent(CATALOG.agent("codex"), {})
    assert not found.ready
    assert found.fix == "Set CODEX_API_KEY or OPENAI_API_KEY, or sign in with `codex` itself"
    login.write_text('{"tokens": {"access_token": "tok-0123456789abcdef"}}')
    found = check_agent(CATALOG.agent("codex"), {})
    assert found.ready
    assert found.message == f"1.2.3 (agent), signed in by subscription ({login})"
    assert check_agent(CATALOG.agent("codex"), {"CODEX_API_KEY": "k"}).message.endswith(
        "key in CODEX_API_KEY"
    )


@pytest.mark.parametrize(
    "script", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\ntrue\n", "#!/no/such/interpreter\n"]
)
def test_a_program_that_cannot_say_its_version(install: Install, script: str) -> None:
    install("codex", script)
    found = check_agent(CATALOG.agent("codex"), {"CODEX_API_KEY": "x"})
    assert found.installed
    assert not found.ready
    assert "does not tell its version" in found.message


def test_a_program_that_hangs_is_given_up(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("codex", "#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr("ptb_lite.agents.scaffold._VERSION_SECONDS", 0.2)
    program = find_program("codex")
    assert program is not None
    assert program_version(program) is None


@pytest.mark.usefixtures("install")
def test_only_scaffolds_are_checked() -> None:
    assert [found.agent for found in check_agents(CATALOG.agents, {})] == list(SCAFFOLDS)


def test_the_key_of_a_provider() -> None:
    def variables(agent: str, model: str | None) -> tuple[str, ...]:
        plugin = agent_plugin(agent)
        assert isinstance(plugin, Scaffold)
        return plugin.key_variables(CATALOG.agent(agent), model)

    assert variables("opencode", "google/gemini") == ("GOOGLE_GENERATIVE_AI_API_KEY",)
    assert variables("opencode", "my-own/model") == ("MY_OWN_API_KEY",)
    assert variables("codex", None) == ("CODEX_API_KEY", "OPENAI_API_KEY")

"""The command lines of podman and docker, and what is said where they cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.sandbox import LimitPlan, RelayPlan, SandboxPlan, sandbox
from ptb_lite.sandbox.container import container_name
from ptb_lite.sandbox.inside import PACKED

ENGINES = ("podman", "docker")


@pytest.fixture
def plan(tmp_path: Path) -> SandboxPlan:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return SandboxPlan(
        workspace=workspace,
        read_only=(tmp_path / "absent", Path("/opt")),
        environment={"API_KEY": "secret-value"},
        network="model-only",
        relay=RelayPlan(tmp_path / "relay", ((8000, "127.0.0.1", 8000),)),
        limits=LimitPlan(processes=77, file_bytes=10**6, memory_bytes=10**9),
    )


def options(command: list[str], name: str) -> list[str]:
    return [command[at + 1] for at, word in enumerate(command) if word == name]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_given_that_was_not_planned(engine: str, plan: SandboxPlan) -> None:
    command = sandbox(engine).wrap(["agent", "--go"], plan)
    assert Path(command[0]).name == engine
    assert command[1:4] == ["run", "--rm", "--read-only"]
    assert options(command, "--network") == ["none"]
    assert options(command, "--cap-drop") == ["ALL"]
    assert options(command, "--security-opt") == ["no-new-privileges"]
    assert options(command, "--pids-limit") == ["77"]
    assert options(command, "--memory") == [str(10**9)]
    assert options(command, "--env") == [PACKED]
    assert "--privileged" not in command
    writable = [v for v in options(command, "--volume") if not v.endswith(":ro")]
    assert writable == [f"{plan.workspace}:{plan.workspace}:rw"]
    mounted = {volume.split(":")[1] for volume in options(command, "--volume")}
    assert "/opt" in mounted
    assert not {"/", "/etc", "/root", "/home", "/var", str(plan.workspace.parent)} & mounted
    assert command[-2:] == ["agent", "--go"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_whole_network_is_the_hosts(engine: str, plan: SandboxPlan) -> None:
    full = SandboxPlan(plan.workspace, (), {}, network="full")
    assert options(sandbox(engine).wrap(["true"], full), "--network") == ["host"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_agents_environment_goes_packed_and_not_by_the_command_line(
    engine: str, plan: SandboxPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_SECRET", "hidden")
    box = sandbox(engine)
    assert not any("secret-value" in word for word in box.wrap(["true"], plan))
    environment = box.environment(plan)
    assert json.loads(environment[PACKED]) == {"HOME": "/home/agent", "API_KEY": "secret-value"}
    assert "OTHER_SECRET" not in environment
    assert "API_KEY" not in environment


@pytest.mark.parametrize("engine", ENGINES)
def test_a_container_is_ended_by_its_name(engine: str, plan: SandboxPlan) -> None:
    box = sandbox(engine)
    name = container_name(plan)
    assert options(box.wrap(["true"], plan), "--name") == [name]
    assert box.cleanup(plan)[1:] == ["rm", "--force", name]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_wrong_is_said_with_the_way_out(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = sandbox(engine).problem()
    assert problem == (
        f"the program {engine} is not installed; install it, or choose --sandbox bubblewrap"
    )
    program = tmp_path / engine
    program.write_text("#!/bin/sh\necho 'Cannot connect to the daemon' >&2; exit 125\n")
    program.chmod(0o755)
    problem = sandbox(engine).problem()
    assert problem is not None
    assert "cannot start a container here (Cannot connect to the daemon)" in problem


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "answer",
    [
        "true",  # an empty folder was made there
        "echo another-file",
        "for word; do case $word in *:ro) place=${word%%:*};; esac; done\n"
        'echo "Error: statfs $place: no such file" >&2; exit 125',
    ],
)
def test_an_engine_that_runs_elsewhere_is_refused(
    engine: str, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a virtual machine without this machine's folders, or on another host."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / engine
    program.write_text(f'#!/bin/sh\n[ "$1" = run ] || exit 0\n{answer}\n')
    program.chmod(0o755)
    problem = sandbox(engine).problem()
    assert problem is not None
    assert "do not see this machine's files" in problem
    assert "choose --sandbox bubblewrap" in problem

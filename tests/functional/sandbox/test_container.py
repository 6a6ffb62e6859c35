"""Real containers of podman and docker, where this machine has an engine that works."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.events import Outcome
from ptb_lite.sandbox import (
    Ended,
    LimitPlan,
    Relay,
    RelayPlan,
    SandboxPlan,
    interpreter_paths,
    sandbox,
    start,
)
from tests.functional.agents.chat_server import chat_server, says
from tests.functional.runner.waiting import slowdown
from tests.functional.sandbox.engines import usable_podman
from tests.functional.sandbox.lab import PATIENCE


@pytest.fixture(params=["podman", "docker"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    if name == "podman" and (settings := usable_podman(tmp_path)):
        monkeypatch.setenv("CONTAINERS_CONF", settings)
    if problem := sandbox(name).problem():
        pytest.skip(problem)
    return name


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    made = tmp_path / "workspace"
    made.mkdir()
    return made


def run(engine: str, plan: SandboxPlan, script: str, deadline: float = PATIENCE) -> Ended:
    box = sandbox(engine)
    folder = plan.workspace.parent
    ended = start(
        box.wrap(["sh", "-c", script], plan),
        environment=box.environment(plan),
        cwd=plan.workspace,
        deadline_seconds=deadline,
        stdout=folder / "stdout",
        stderr=folder / "stderr",
        after=[box.cleanup(plan)],
    ).wait(deadline + PATIENCE)
    assert ended is not None
    return ended


def containers(engine: str) -> str:
    done = subprocess.run([engine, "ps", "--all", "--quiet"], capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_it_sees_and_writes_what_was_planned_alone(
    engine: str, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("host file")
    plan = SandboxPlan(workspace, interpreter_paths(), {"PATH": "/usr/bin:/bin", "KEY": "k-1"})
    script = f"""
        env | sort; grep CapEff /proc/self/status
        echo own >file; cat {tmp_path}/secret; touch /usr/own /own /etc/own
        test -e /etc/shadow && echo shadow; echo x >/proc/sys/kernel/core_pattern
        {sys.executable} -c 'import socket; socket.create_connection(("192.0.2.1", 80), 3)'
        exit 7
    """
    ended = run(engine, plan, script)
    assert ended.exit_code == 7, (tmp_path / "stderr").read_text()
    said = (tmp_path / "stdout").read_text()
    assert "KEY=k-1\n" in said
    assert "CapEff:\t0000000000000000" in said
    assert "shadow" not in said
    assert "host file" not in said
    assert (workspace / "file").read_text() == "own\n"
    errors = (tmp_path / "stderr").read_text()
    assert errors.count("Read-only file system") >= 3
    assert "unreachable" in errors
    assert containers(engine) == ""


def test_its_deadline_ends_all_of_it(engine: str, workspace: Path) -> None:
    plan = SandboxPlan(workspace, interpreter_paths(), {"PATH": "/usr/bin:/bin"})
    ended = run(engine, plan, "trap '' TERM; setsid sleep 1000 & sleep 1000", deadline=1.5)
    assert ended.outcome is Outcome.TIME_EXCEEDED
    assert ended.seconds < 5.0 * slowdown()
    assert containers(engine) == ""


def test_its_limits_and_the_way_to_a_model(engine: str, workspace: Path, tmp_path: Path) -> None:
    with chat_server(says("hello")) as chat:
        port = int(chat.url.split(":")[2].split("/")[0])
        relay = Relay(tmp_path / "relay", [("127.0.0.1", port)])
        relay.start()
        plan = SandboxPlan(
            workspace,
            interpreter_paths(),
            {"PATH": "/usr/bin:/bin"},
            network="model-only",
            relay=RelayPlan(tmp_path / "relay", ((port, "127.0.0.1", port),)),
            limits=LimitPlan(processes=40, memory_bytes=300_000_000),
        )
        forks = "for n in $(seq 60); do sleep 2 & done"
        run(engine, plan, f"curl -sS -d '{{}}' {chat.url}/chat/completions; {forks}")
        relay.close()
    assert "hello" in (tmp_path / "stdout").read_text()
    assert "fork" in (tmp_path / "stderr").read_text().lower()

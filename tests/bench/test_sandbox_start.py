"""What a sandbox adds to the start of a command: under 100 ms."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from ptb_lite.sandbox import (
    LimitPlan,
    Relay,
    RelayPlan,
    SandboxPlan,
    interpreter_paths,
    sandbox,
    start,
)

LIMIT_SECONDS = 0.1
ROUNDS = 20


def typical(name: str, plan: SandboxPlan, folder: Path) -> float:
    """Seconds from start to end of `true`, the median of `ROUNDS`."""
    box = sandbox(name)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ended = start(
            box.wrap(["true"], plan),
            environment=plan.environment,
            cwd=plan.workspace,
            deadline_seconds=60,
            stdout=folder / "stdout",
            stderr=folder / "stderr",
        ).wait()
        taken.append(time.perf_counter() - began)
        assert ended is not None
        assert ended.exit_code == 0, (folder / "stderr").read_text()
    return statistics.median(taken)


@pytest.mark.bench
def test_a_sandbox_with_relay_and_limits_starts_quickly(tmp_path: Path) -> None:
    if problem := sandbox("bubblewrap").problem():
        pytest.skip(problem)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    environment = {"PATH": "/usr/bin:/bin"}
    relay = Relay(tmp_path / "relay", [])
    relay.start()
    try:
        bare = SandboxPlan(workspace, (), environment)
        plain = SandboxPlan(workspace, interpreter_paths(), environment)
        whole = SandboxPlan(
            workspace,
            interpreter_paths(),
            environment,
            network="model-only",
            relay=RelayPlan(tmp_path / "relay"),
            limits=LimitPlan(processes=1000, file_bytes=10**9, memory_bytes=10**9),
        )
        none = typical("none", bare, tmp_path)
        added = typical("bubblewrap", plain, tmp_path) - none
        added_whole = typical("bubblewrap", whole, tmp_path) - none
    finally:
        relay.close()
    print(
        f"\nwithout a sandbox {none * 1e3:.0f} ms, a sandbox adds {added * 1e3:.0f} ms, "
        f"with relay and limits {added_whole * 1e3:.0f} ms"
    )
    assert added_whole < LIMIT_SECONDS

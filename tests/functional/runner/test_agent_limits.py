"""An agent that takes too much is ended or held; the runner goes on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from ptb_lite.events import Outcome
from ptb_lite.files import read_record
from ptb_lite.runner.agent import limits as agent_limits
from ptb_lite.runner.agent.limits import memory_below, sizes
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.context import AgentEnd
from ptb_lite.runner.phases.seal import seal
from ptb_lite.runs.journal import read_journal
from ptb_lite.sandbox import Groups, make_groups
from tests.functional.runner.agent_phase import agent_phase, prepared_run
from tests.functional.runner.conftest import Bench
from tests.functional.runner.waiting import slowdown, wait_until

FILL = """
submit()
import time
print("begun", flush=True)
for n in range(1000):
    with open(f"file{n}", "wb") as file:
        file.write(bytes(4_000_000))
    time.sleep(0.05)
"""


def test_a_workspace_over_its_limit_ends_the_agent(bench: Bench) -> None:
    phase = agent_phase(bench, FILL, disk_gb=0.02)
    assert phase.end.outcome is Outcome.FAILED
    assert phase.end.detail.startswith("ended by the runner: its workspace holds 0.0")
    assert phase.end.detail.endswith("over its limit of 0.02 GB")
    assert phase.end.seconds < 15.0 * slowdown()


def test_output_without_end_counts_as_well(bench: Bench) -> None:
    phase = agent_phase(bench, "while True: print('x' * 100_000, flush=True)", disk_gb=0.05)
    assert phase.end.outcome is Outcome.FAILED
    assert "over its limit of 0.05 GB" in phase.end.detail


def test_a_full_disk_ends_the_agent_and_not_the_run(bench: Bench, tmp_path: Path) -> None:
    """On a real file system of 60 MB."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m", "none", small], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        bench.runs_dir = small / "runs"
        context = prepared_run(bench, FILL)
        try:
            run_agent(context)
            # What it had handed in before is still sealed.
            seal(context)
        finally:
            context.journal.close()
        end = read_record(context.run.agent_end, AgentEnd)
        assert end.outcome is Outcome.FAILED
        # Who is faster is a matter of luck: the agent's own error, or the runner's look.
        assert "the disk is full" in end.detail
        assert not context.run.reserve.exists()
        journal = read_journal(context.run.journal)
        assert journal.skipped == 0
        assert [event.seq for event in journal.events] == list(range(1, len(journal.events) + 1))
        assert end.seconds < 15.0 * slowdown()
        assert (context.run.sealed / "adapter_model.safetensors").exists()
    finally:
        subprocess.run(["umount", small], check=True)


HOARD = """
print("begun", flush=True)
import os, time
held = []
for n in range(60):
    held.append(bytearray(os.urandom(1 << 20)) * 10)
    time.sleep(0.05)
time.sleep(60)
"""


def test_memory_is_watched_where_the_kernel_does_not_hold_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_limits, "make_groups", lambda *_, **__: Groups())
    phase = agent_phase(bench, HOARD, memory_gb=0.2)
    assert phase.end.outcome is Outcome.FAILED
    assert "its processes hold 0." in phase.end.detail
    assert "over their limit of 0.20 GB" in phase.end.detail
    assert phase.end.seconds < 30.0 * slowdown()
    assert any("does not limit the agent's memory" in text for text in phase.warnings())


def test_memory_is_held_by_the_kernel_where_it_can(bench: Bench) -> None:
    groups = make_groups("ptb-lite-test-probe", memory_bytes=10**9, processes=None)
    groups.remove()
    if not groups.held:
        pytest.skip("no control group for memory can be made here")
    phase = agent_phase(bench, HOARD, memory_gb=0.2)
    assert phase.end.outcome is Outcome.FAILED
    assert phase.end.exit_code is not None
    assert any("met its memory limit of 0.20 GB" in text for text in phase.warnings())


def test_an_agent_within_its_limits_is_told_nothing(bench: Bench) -> None:
    phase = agent_phase(bench, "submit(); print('done')")
    assert phase.end.outcome is Outcome.FINISHED
    allowed = ("the system does not limit", "is not limited on this system")
    assert [text for text in phase.warnings() if not any(each in text for each in allowed)] == []


def test_a_workspace_is_measured_without_following_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big").write_bytes(bytes(1_000_000))
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(bytes(50_000))
    (folder / "link").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    assert 50_000 <= sum(sizes(folder)) < 200_000
    os.mkfifo(folder / "pipe")
    assert sum(sizes(folder)) < 200_000
    assert sum(sizes(tmp_path / "absent")) == 0


def test_the_memory_of_a_tree_is_added_up() -> None:
    code = "import os, time; x = bytearray(os.urandom(1 << 20)) * 50; os.fork(); time.sleep(60)"
    # Under a shell of its own: children of other tests may still be below this process.
    with subprocess.Popen(["sh", "-c", 'python3 -c "$1"; true', "sh", code]) as shell:
        try:
            # Both hold the same pages until one writes: they count once.
            wait_until(lambda: memory_below(shell.pid) > 50_000_000, 20.0)
            assert memory_below(shell.pid) < 120_000_000
        finally:
            for child in psutil.Process(shell.pid).children(recursive=True):
                child.kill()
            shell.kill()

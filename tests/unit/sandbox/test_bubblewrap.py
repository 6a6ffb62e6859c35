"""The command lines of both kinds of isolation, and what is said where they cannot be used."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.sandbox import SandboxPlan, interpreter_paths, sandbox


@pytest.fixture
def plan(tmp_path: Path) -> SandboxPlan:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return SandboxPlan(workspace, (tmp_path,), {"HOME": "/home/x", "API_KEY": "secret-value"})


def fake_bwrap(folder: Path, body: str) -> None:
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def place(arguments: list[str], *wanted: str) -> int:
    """Where `wanted` stands in `arguments`."""
    size = len(wanted)
    for start in range(len(arguments)):
        if tuple(arguments[start : start + size]) == wanted:
            return start
    raise AssertionError(f"{wanted} is not in {arguments}")


def test_outer_mounts_come_before_inner_ones(plan: SandboxPlan, tmp_path: Path) -> None:
    arguments = sandbox("bubblewrap").wrap(["true"], plan)
    workspace = str(plan.workspace)
    order = [
        place(arguments, "--tmpfs", "/tmp"),
        place(arguments, "--ro-bind", str(tmp_path.resolve()), str(tmp_path)),
        place(arguments, "--bind", str(plan.workspace.resolve()), workspace),
        place(arguments, "--remount-ro", "/"),
        place(arguments, "--chdir", workspace, "--", "true"),
    ]
    assert order == sorted(order)


def test_no_value_of_the_environment_is_on_the_command_line(plan: SandboxPlan) -> None:
    arguments = sandbox("bubblewrap").wrap(["true"], plan)
    assert not any("secret-value" in argument for argument in arguments)


def test_the_network_is_shared_only_when_full(plan: SandboxPlan) -> None:
    box = sandbox("bubblewrap")
    full = SandboxPlan(plan.workspace, (), plan.environment, network="full")
    assert "--unshare-net" in box.wrap(["true"], plan)
    assert "--unshare-net" not in box.wrap(["true"], full)


def test_devices_of_a_gpu_are_there_only_when_asked_for(plan: SandboxPlan) -> None:
    box = sandbox("bubblewrap")
    gpu = SandboxPlan(plan.workspace, (), plan.environment, gpu=True)
    assert "/dev/dxg" not in box.wrap(["true"], plan)
    place(box.wrap(["true"], gpu), "--dev-bind-try", "/dev/dxg", "/dev/dxg")
    place(box.wrap(["true"], gpu), "--ro-bind-try", "/sys", "/sys")


def test_only_the_runs_own_gpus_are_shown(plan: SandboxPlan) -> None:
    own = (Path("/dev/nvidia2"), Path("/dev/nvidiactl"))
    gpu = SandboxPlan(plan.workspace, (), plan.environment, gpu=True, gpu_nodes=own)
    command = sandbox("bubblewrap").wrap(["true"], gpu)
    assert {part for part in command if part.startswith("/dev/nvidia")} == set(map(str, own))


def test_a_home_in_the_workspace_is_not_hidden(plan: SandboxPlan) -> None:
    home = str(plan.workspace / "home")
    inside = SandboxPlan(plan.workspace, (), {"HOME": home})
    assert home not in sandbox("bubblewrap").wrap(["true"], inside)


def test_none_changes_nothing(plan: SandboxPlan) -> None:
    assert sandbox("none").wrap(["a", "b"], plan) == ["a", "b"]
    assert sandbox("none").problem() is None


def test_a_missing_program_names_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = sandbox("bubblewrap").problem()
    assert problem is not None
    assert "apt-get install bubblewrap" in problem
    assert "--sandbox none" in problem


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions"),
        ("exit 9", "exit code 9"),
    ],
)
def test_a_program_that_cannot_make_a_sandbox_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    fake_bwrap(tmp_path, body)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    problem = sandbox("bubblewrap").problem()
    assert problem is not None
    assert said in problem
    assert "--sandbox none" in problem


def test_an_old_program_does_without_the_newer_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: SandboxPlan
) -> None:
    fake_bwrap(tmp_path, 'case "$*" in *--disable-userns*) exit 1;; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert sandbox("bubblewrap").problem() is None
    assert "--disable-userns" not in sandbox("bubblewrap").wrap(["true"], plan)


def test_the_interpreter_is_shown_without_the_folders_above_it() -> None:
    paths = interpreter_paths()
    package = Path(__file__).parents[3] / "ptb_lite"
    assert package in paths
    assert not any(package.parent.is_relative_to(path) for path in paths)
    everything = (Path("/usr"), *paths)
    for needed in (sys.prefix, sys.base_prefix):
        assert any(Path(needed).resolve().is_relative_to(path) for path in everything)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        PtbLiteError,
        match=r"there is no 'chroot'\. Known: bubblewrap, docker, none, podman",
    ):
        sandbox("chroot")

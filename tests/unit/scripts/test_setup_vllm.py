"""`scripts/setup-vllm` on machines with and without a card, played by small stand-in programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.scripts.machine import ROOT, Machine, needs_no_gpu

SCRIPT = ROOT / "scripts" / "setup-vllm"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.add_all()
    return made


def setup_vllm(machine: Machine, **extra: str) -> subprocess.CompletedProcess[str]:
    return machine.run(str(machine.checkout / "scripts" / "setup-vllm"), **extra)


def test_it_can_be_run() -> None:
    assert os.access(SCRIPT, os.X_OK)


@needs_no_gpu
def test_without_a_card_nothing_is_installed(machine: Machine) -> None:
    done = setup_vllm(machine)
    assert done.returncode == 1
    assert "there is no NVIDIA GPU here" in done.stderr
    assert machine.logged() == []
    assert not machine.cache.exists()


def test_with_a_card_vllm_gets_an_environment_of_its_own(machine: Machine) -> None:
    machine.add("nvidia-smi")
    done = setup_vllm(machine)
    assert done.returncode == 0, done.stderr
    made, installed = machine.logged()
    assert made == f"venv {machine.cache}/vllm"
    assert " install vllm==" in installed
    for package in ("lm-eval==", "peft==", "datasets=="):
        assert package in installed
    assert "-c constraints.txt" not in installed


def test_what_did_not_work_is_said(machine: Machine) -> None:
    machine.add("nvidia-smi")
    done = setup_vllm(machine, FAIL_ON="vllm==")
    assert done.returncode == 1
    assert "did not work" in done.stderr

"""What the app's tests are given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_scaffolds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures are those of a machine without the scaffolds that other tests install."""
    kept = [
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not folder.rstrip("/").endswith("programs/bin")
    ]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, presets and the installation's secret of the test alone."""
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests must not be told to be too slow."""
    monkeypatch.setattr("ptb_lite.doctor.speed.machine_rate", lambda _device: 1.3e11)

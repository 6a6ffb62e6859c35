"""What the tests of the app's models are given."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, presets and the installation's secret of the test alone."""
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))

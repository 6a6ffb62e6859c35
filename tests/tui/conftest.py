"""What the app's tests are given."""

from __future__ import annotations

import os

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

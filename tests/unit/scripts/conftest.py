"""A fresh machine for every test of the scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scripts.machine import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)

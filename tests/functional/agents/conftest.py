from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.agents.local_process import LocalProcess


@pytest.fixture
def local(tmp_path: Path) -> LocalProcess:
    return LocalProcess(tmp_path)

"""Labs under both kinds of isolation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ptb_lite.sandbox import sandbox
from tests.functional.sandbox.lab import Lab


@pytest.fixture(params=["bubblewrap", "none"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    yield from lab_in(request.param, tmp_path)


@pytest.fixture
def closed_lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab under bubblewrap alone."""
    yield from lab_in("bubblewrap", tmp_path)


def lab_in(name: str, folder: Path) -> Iterator[Lab]:
    isolation = sandbox(name)
    if problem := isolation.problem():
        pytest.skip(problem)
    made = Lab(isolation, folder)
    yield made
    for process in made.living():
        process.kill()

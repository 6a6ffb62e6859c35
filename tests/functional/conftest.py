"""What real processes are given in all of these tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ptb_lite.catalog.embedded import cache_root


@pytest.fixture(scope="session", autouse=True)
def scaffold_programs() -> Iterator[None]:
    """The scaffolds' programs that scripts/programs has installed come first on the PATH."""
    before = os.environ["PATH"]
    folder = cache_root() / "programs" / "bin"
    os.environ["PATH"] = f"{folder}:{before}"
    yield
    os.environ["PATH"] = before

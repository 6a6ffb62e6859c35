"""What real processes are given in all of these tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest

from ptb_lite.catalog.embedded import cache_root
from tests.functional.runner.waiting import slowdown


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """The guard against hanging is as patient as the waits: it counts in a free machine's time."""
    if item.get_closest_marker("timeout") is None:
        seconds = float(item.config.getoption("timeout") or 0.0)
        item.add_marker(pytest.mark.timeout(seconds * slowdown()))
    return (yield)


@pytest.fixture(scope="session", autouse=True)
def scaffold_programs() -> Iterator[None]:
    """The scaffolds' programs that scripts/programs has installed come first on the PATH."""
    before = os.environ["PATH"]
    folder = cache_root() / "programs" / "bin"
    os.environ["PATH"] = f"{folder}:{before}"
    yield
    os.environ["PATH"] = before

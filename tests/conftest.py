"""What every test has: the environment as it was before the test before it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from huggingface_hub import constants  # noqa: F401  (before a test's own code says "offline")


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """Training and evaluation run in this process set variables that are meant for theirs."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)

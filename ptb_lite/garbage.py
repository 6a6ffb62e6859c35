"""Python's search for garbage, held back while everything that is made stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Nothing is searched for garbage inside, as where libraries are imported or files are read:
    full collections over objects that all stay took a fifth of the CPU time of importing torch,
    transformers and lm-eval, and as long as the reading of thousands of runs."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

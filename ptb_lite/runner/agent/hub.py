"""The agent's own Hugging Face folder, and the note of what it downloaded there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ptb_lite.audit.evidence.folder import list_files
from ptb_lite.audit.evidence.test_sets.hub_cache import downloads_in
from ptb_lite.errors import PtbLiteError
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.context import RunContext
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import HubCacheSeen, HubRepository

MAX_DOWNLOADED = 1000
"""So many downloads of an agent are named."""


@contextmanager
def agent_hub(context: RunContext) -> Iterator[None]:
    """A Hugging Face folder for an agent that has not begun. Raises OSError."""
    context.run.hub_private.mkdir(exist_ok=True)
    try:
        yield
    finally:
        close_hub(context.run)


def close_hub(run: RunFolder) -> None:
    """Note what an agent has downloaded; a note of before stays, with what it says besides."""
    seen = HubCacheSeen(folder=run.hub_private.name)
    with suppress(OSError, PtbLiteError):
        seen = read_record(run.hub_cache, HubCacheSeen)
    write_record(run.hub_cache, seen.model_copy(update={"downloaded": _downloaded(run)}))


def _downloaded(run: RunFolder) -> tuple[HubRepository, ...]:
    try:
        files = list_files(run.hub_private).files
    except OSError:
        return ()  # It has none, or put something else in its place.
    found = downloads_in(run.hub_private, files)
    return tuple(
        HubRepository(kind=one.kind, name=one.name, bytes=one.bytes)
        for one in found[:MAX_DOWNLOADED]
    )

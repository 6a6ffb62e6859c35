"""The agent's Hugging Face folder: what of the host's cache it is shown, and what it downloads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from ptb_lite.audit.evidence.folder import list_files
from ptb_lite.audit.evidence.hub_cache import downloads_in
from ptb_lite.audit.evidence.sources import Sources
from ptb_lite.catalog.hub_cache import CachedRepository, cached_repositories
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.context import RunContext
from ptb_lite.runner.hub_cache import Choice, HeldBack, below, choose, clear, fill
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import HubCacheSeen, HubHeldBack, HubRepository
from ptb_lite.sandbox import HUB_INSIDE
from ptb_lite.spec.run_spec import RunSpec

MAX_DOWNLOADED = 1000
"""So many downloads of an agent are named."""


@dataclass(frozen=True)
class Hub:
    """What an agent gets for it: variables, and paths that its sandbox shows elsewhere."""

    environment: Mapping[str, str]
    placed: tuple[tuple[Path, Path], ...] = ()


@contextmanager
def agent_hub(context: RunContext) -> Iterator[Hub]:
    """A Hugging Face folder for an agent that has not begun; noted, and tidied when it has ended.

    Raises OSError when it cannot be written.
    """
    run = context.run
    choice = in_force(context.spec, context.catalog)
    found = _choose(context) if choice == "shared" else Choice((), ())
    place = partial(_place, context.spec.sandbox)
    # A runner that died before its agent began may have left half of it.
    shutil.rmtree(run.hub_private, ignore_errors=True)
    fill(run.hub_private, found.shown, place)
    write_record(
        run.hub_cache,
        HubCacheSeen(
            choice=choice,
            folder=run.hub_private.name,
            shown=tuple(
                HubRepository(kind=one.kind, name=one.name, bytes=one.bytes, place=str(place(one)))
                for one in found.shown
            ),
            held_back=tuple(
                HubHeldBack(kind=one.kind, name=one.name, reason=why)
                for one, why in found.held_back
            ),
        ),
    )
    try:
        yield Hub({"HF_HOME": os.fspath(run.hub_private)}, tuple(_placed(context, found)))
    finally:
        close_hub(run)


def in_force(spec: RunSpec, catalog: Catalog) -> Literal["shared", "private"]:
    """The choice of a run. Without one, only a person's own command that has no network is shown
    their cache: a hosted model would be told what it reads there."""
    if spec.hub_cache != "auto":
        return spec.hub_cache
    own = catalog.agent(spec.agent).backend == "command"
    return "shared" if own and spec.network == "off" else "private"


def close_hub(run: RunFolder) -> None:
    """Take back the links that an agent was given, and note what it downloaded itself."""
    if not run.hub_cache.exists():
        return
    try:
        seen = read_record(run.hub_cache, HubCacheSeen)
    except PtbLiteError:
        return
    for one in seen.shown:
        kind = "datasets" if one.kind == "prepared" else "hub"
        folder = Path(run.hub_private.name, kind, Path(one.place).name)
        clear(run.workspace, os.fspath(folder), one.place)
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


def _choose(context: RunContext) -> Choice:
    spec, catalog = context.spec, context.catalog
    try:
        repositories = cached_repositories()
    except OSError as error:
        context.warn(f"your Hub cache cannot be read ({error.strerror}): the agent is shown none")
        return Choice((), ())
    data = [entry.data for name in spec.benchmarks if (entry := catalog.benchmark(name))]
    return choose(
        repositories,
        HeldBack(
            datasets=frozenset(one.test.hub_id for one in data if one is not None),
            sources=Sources(spec.benchmarks),
            base=catalog.model(spec.model),
        ),
    )


def _place(sandbox: str, repository: CachedRepository) -> Path:
    """Where the agent finds a repository of the host's."""
    if sandbox == "none":
        return repository.folder
    return HUB_INSIDE / below(repository)


def _placed(context: RunContext, found: Choice) -> Iterator[tuple[Path, Path]]:
    """Each repository by itself, and of the store that all share the files of these alone."""
    if context.spec.sandbox == "none":
        return
    for one in found.shown:
        yield one.folder, HUB_INSIDE / below(one)
    for source in {one.folder.parent / name for one in found.shown for name in one.store}:
        yield source, HUB_INSIDE / "hub" / source.relative_to(source.parents[2])

"""What must hold on this machine before a run starts: each check raises SpecError, none writes.

`preflight` does them all, the quick ones first.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.hub import check_access, is_cached
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import CatalogError, SpecError
from ptb_lite.sandbox import sandbox
from ptb_lite.spec import RunSpec

GB = 10**9
# Journal, traces, checkpoints of an adapter and evaluations, with room to spare.
_RUN_BYTES = GB


def preflight(spec: RunSpec, catalog: Catalog, runs_dir: Path) -> None:
    """Raises SpecError with field, message and way out for the first thing that is missing."""
    entry = catalog.model(spec.model)
    check_runs_dir(runs_dir)
    check_space(runs_dir, _RUN_BYTES, field="runs-dir", hint="choose another with --runs-dir")
    check_sandbox(spec.sandbox)
    check_model(entry)


def check_runs_dir(runs_dir: Path) -> None:
    """The folder, or the nearest one above it that exists, can be written."""
    folder = _nearest_existing(runs_dir)
    try:
        # Really written: permission bits say nothing of a read-only file system or of root.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as error:
        raise SpecError(
            f"{runs_dir} cannot be written ({error.strerror})",
            field="runs-dir",
            hint="Choose another folder with --runs-dir",
        ) from error


def check_space(folder: Path, needed: int, *, field: str, hint: str) -> None:
    """`needed` bytes are free where `folder` lies."""
    free = shutil.disk_usage(_nearest_existing(folder)).free
    if free < needed:
        raise SpecError(
            f"{free / GB:.1f} GB are free in {folder}, {needed / GB:.1f} GB are needed",
            field=field,
            hint=f"Free some room, or {hint}",
        )


def check_sandbox(name: str) -> None:
    """The program of the sandbox is there and works."""
    problem = sandbox(name).problem()
    if problem is not None:
        raise SpecError(problem, field="sandbox", hint="`ptb-lite doctor` checks it again")


def check_model(entry: ModelEntry) -> None:
    """A Hub model is here already, or may be downloaded and has room."""
    if entry.source == "embedded" or is_cached(entry):
        return
    try:
        check_access(entry)
    except CatalogError as error:
        raise SpecError(error.message, field=error.field, hint=error.hint) from error
    check_space(
        cache_root(),
        2 * entry.parameters + GB,
        field="model",
        hint="set HF_HOME and PTB_LITE_CACHE to another disk",
    )


def _nearest_existing(path: Path) -> Path:
    found = path.absolute()
    while not found.exists() and found != found.parent:
        found = found.parent
    return found

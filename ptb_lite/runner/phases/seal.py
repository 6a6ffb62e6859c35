"""The seal phase: freeze what was submitted at the deadline, as a host-owned copy with hashes."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import time
from pathlib import Path

from ptb_lite.audit.detectors.submission import SubmissionCheck
from ptb_lite.audit.evidence.folder import printable
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.submission import check_submission, read_submission
from ptb_lite.events import SubmissionRefused, SubmissionSealed
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.agent.submissions import stray_adapters
from ptb_lite.runner.context import PhaseResult, Prepared, RunContext, Seal, base_names
from ptb_lite.runner.permissions import own_workspace
from ptb_lite.text import plural

SUBMISSION = "final_model"
MAX_NAMED = 5
_BLOCK = 1 << 20
_LEAST_SECONDS = 60.0


def seal(context: RunContext) -> PhaseResult:
    """Leave sealed/ and seal.json.

    The check comes before the copy, so that a hostile folder (links, pickles, a 50 GB file) is
    refused without being read; then the copy is checked again, and only the copy is used.
    """
    context.check_stop()
    until = context.until()
    own_workspace(context, until)
    source = context.run.workspace / SUBMISSION
    sealed = context.run.sealed
    _remove(sealed)
    sealed.mkdir()
    prepared = read_record(context.run.prepared, Prepared)
    names = base_names(context, prepared)
    whole = context.spec.submission == "full"
    check = read_submission(source, prepared.base_model, names, whole=whole, seconds=_left(until))
    if check.valid:
        _require_room(source, check, sealed)
        for name in check.files:
            _copy(source / name, sealed / name)
        check = check_submission(
            sealed, prepared.base_model, names, whole=whole, seconds=_left(until)
        )
    files = {name: _sha256(sealed / name) for name in sorted(check.files)} if check.valid else {}
    record = Seal(
        valid=check.valid,
        reason=_reason(context, check, until),
        files=files,
        bytes=sum((sealed / name).stat().st_size for name in files),
        sha256=hashlib.sha256("\n".join(f"{n}:{h}" for n, h in files.items()).encode()).hexdigest(),
    )
    _freeze(sealed)
    write_record(context.run.seal, record)
    if not record.valid:
        context.journal.write(SubmissionRefused(reason=record.reason))
        return PhaseResult(detail=f"no valid submission: {record.reason}")
    context.journal.write(
        SubmissionSealed(files=len(files), bytes=record.bytes, sha256=record.sha256)
    )
    kind = "whole weights, " if check.whole else ""
    return PhaseResult(detail=f"{kind}{plural(len(files), 'file')}, {record.bytes / 1e6:.1f} MB")


def _require_room(source: Path, check: SubmissionCheck, sealed: Path) -> None:
    """Before anything is copied: a resumed run seals again when there is room."""
    size = sum((source / name).lstat().st_size for name in check.files)
    free = shutil.disk_usage(sealed).free
    if size > free:
        raise PtbLiteError(
            f"takes {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            field="the sealed copy",
            hint="Free some room and `ptb-lite resume` the run",
        )


def _left(until: float) -> float:
    """Seconds for one more step; never so few that a busy machine refuses an honest submission."""
    return max(_LEAST_SECONDS, until - time.monotonic())


def _reason(context: RunContext, check: SubmissionCheck, until: float) -> str:
    """Why there is no submission, with the adapters that lie where they do not count."""
    if not check.problem:
        return ""
    found = stray_adapters(context.run.workspace, SUBMISSION, until)
    if not found:
        return f"{check.problem}: {check.reason}"
    shown = ", ".join(printable(name, 100) for name in found[:MAX_NAMED])
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    where = f"adapters that do not count lie in {shown}{more}"
    return f"{check.problem}: {check.reason}; {where}"


def _copy(source: Path, target: Path) -> None:
    """Copy one regular file without following a link at its end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream, target.open("wb") as copy:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{source} is not a regular file")
        shutil.copyfileobj(stream, copy, _BLOCK)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _freeze(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)


def _remove(folder: Path) -> None:
    """Remove an earlier, frozen copy: a resumed run seals again."""
    if not folder.exists():
        return
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)

"""A result of another harness as a run's folder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ptb_lite.audit.evidence.folder import ScanNotes, open_regular, walk
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.files import file_sha256, write_record
from ptb_lite.imports.result import HarnessResult
from ptb_lite.runner.context import Seal
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Status
from ptb_lite.runs.reported import Reported
from ptb_lite.spec.choices import MAX_BUDGET_MINUTES
from ptb_lite.spec.run_spec import RunSpec

LARGEST = 64 << 20
"""Of a file that is no weight of the submission, in bytes."""
_BLOCK = 1 << 20
_NO_SALT = "of another harness"
_MAX_SEED = 2**32 - 1


def write_run(found: HarnessResult, runs_dir: Path) -> RunFolder:
    """Copy a result into a run beside the others, whole or not at all.

    Raises PtbLiteError for what is there already, cannot be read or has no room.
    """
    started = found.ended - timedelta(seconds=found.agent_seconds or 0)
    digest = hashlib.sha256(f"{found.source}\n{found.key}".encode()).hexdigest()
    target = runs_dir.resolve() / f"{started:%Y%m%d-%H%M%S}-{digest[:4]}"
    if target.exists():
        raise PtbLiteError(f"is there already: {target.name}", field=found.key)
    spec = _spec(found)
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".import-", dir=runs_dir))
    except OSError as error:
        raise PtbLiteError(f"cannot be written ({error})", field=str(runs_dir)) from error
    run = RunFolder(draft)
    try:
        _check_room(found, draft)
        left_out = _copy(found, run)
        write_record(run.spec, spec)
        status = Status(
            run_id=target.name,
            state="ended",
            host=found.source,
            started=started,
            ended=found.ended,
            outcome=Outcome.FAILED if found.failure else Outcome.FINISHED,
            detail=found.failure,
        )
        write_record(run.status, status)
        write_record(run.reported, _reported(found, left_out))
        run.journal.touch()
        draft.chmod(0o755)
        draft.rename(target)
    except OSError as error:
        why = error.strerror or str(error)
        raise PtbLiteError(f"cannot be copied ({why})", field=str(found.folder)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return RunFolder(target)


def _spec(found: HarnessResult) -> RunSpec:
    minutes = min(MAX_BUDGET_MINUTES, max(0.01, 60 * found.hours))
    values: dict[str, Any] = {
        "model": found.model,
        "agent": found.agent,
        "agent_model": found.agent_model or None,
        "benchmarks": (found.benchmark,),
        "budget_minutes": minutes,
        "seed": min(max(0, found.seed), _MAX_SEED),
        "feedback": "test",
        "submission": "full",
        "network": "full",
        "policy": "none",
        "sandbox": found.sandbox,
        "item_salt": _NO_SALT,
        **found.facts,
    }
    try:
        return RunSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise PtbLiteError(
            f"has a {'.'.join(map(str, first['loc']))} that no run may have: {first['msg']}",
            field=str(found.folder),
        ) from error


def _reported(found: HarnessResult, left_out: tuple[str, ...]) -> Reported:
    headline = found.headline
    return Reported(
        source=found.source,
        folder=found.key,
        time=datetime.now(UTC),
        score=headline[1] if headline else None,
        measure=headline[0] if headline else "",
        scores=dict(found.scores),
        verdict=found.verdict,
        said=found.said,
        agent_seconds=found.agent_seconds,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        cost_dollars=found.cost_dollars,
        left_out=left_out,
    )


def _check_room(found: HarnessResult, folder: Path) -> None:
    needed = sum(size for _, size in _files(found.submission, ScanNotes()))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise PtbLiteError(
            f"needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free", field=str(found.folder)
        )


def _copy(found: HarnessResult, run: RunFolder) -> tuple[str, ...]:
    """Workspace, submission, trace and what lay beside them; what was not copied, with why."""
    account = ScanNotes()
    run.workspace.mkdir()
    inside = found.submission if _is_below(found.submission, found.workspace) else None
    for path, size in _files(found.workspace, account):
        if inside is not None and path.is_relative_to(inside):
            continue
        name = path.relative_to(found.workspace or path)
        if size > LARGEST:
            account.note(f"{name}: {size / 1e6:.0f} MB, in the workspace")
        else:
            _copy_file(path, run.workspace / name)
    _copy_submission(found.submission, run, account)
    _copy_flat(found.trace, found.folder, run.trace, account)
    _copy_flat(found.original, found.folder, run.path / "original", account)
    return (*account.all_notes(), *account.unread)


def _copy_submission(folder: Path | None, run: RunFolder, account: ScanNotes) -> None:
    hashes: dict[str, str] = {}
    total = 0
    for path, size in _files(folder, account):
        name = path.relative_to(folder or path).as_posix()
        _copy_file(path, run.sealed / name)
        hashes[name] = file_sha256(run.sealed / name)
        total += size
    lines = "\n".join(f"{name}:{each}" for name, each in sorted(hashes.items()))
    seal = Seal(
        valid=bool(hashes),
        reason="" if hashes else "nothing submitted",
        files=dict(sorted(hashes.items())),
        bytes=total,
        sha256=hashlib.sha256(lines.encode()).hexdigest(),
    )
    write_record(run.seal, seal)


def _copy_flat(paths: Iterable[Path], base: Path, target: Path, account: ScanNotes) -> None:
    for path in paths:
        name = path.relative_to(base)
        size = path.lstat().st_size
        if size > LARGEST:
            account.note(f"{name}: {size / 1e6:.0f} MB")
        elif not path.is_symlink():
            _copy_file(path, target / name)


def _files(folder: Path | None, account: ScanNotes) -> Iterator[tuple[Path, int]]:
    if folder is not None and folder.is_dir() and not folder.is_symlink():
        yield from ((found.path, found.size) for found in walk(folder, account))


def _is_below(path: Path | None, folder: Path | None) -> bool:
    return path is not None and folder is not None and path.is_relative_to(folder)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with open_regular(source) as stream, target.open("xb") as out:
        shutil.copyfileobj(stream, out, _BLOCK)

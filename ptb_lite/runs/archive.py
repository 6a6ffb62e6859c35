"""A run as one file that another machine can show and audit, and checks byte by byte.

A zip: `manifest.json` first, with the SHA-256 of every file, then the files. What an agent
or a stranger wrote is in it either way: writing follows no link, and reading takes regular files
alone, by the names and sizes of the manifest, into a new folder. The hashes show damage, and, with
the archive's own hash from who made it, any change.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Literal, NoReturn

from pydantic import ValidationError

from ptb_lite import __version__
from ptb_lite.audit.evidence.folder import MAX_FILES, ScanNotes, open_regular, printable, walk
from ptb_lite.errors import PtbLiteError
from ptb_lite.files import file_sha256, write_record
from ptb_lite.record import Record
from ptb_lite.runs.folder import HUB_FOLDER, RUN_ID, RunFolder
from ptb_lite.text import plural

MANIFEST = "manifest.json"
IMPORTED = "imported.json"
LARGEST = 64 << 20
"""Of a file in the workspace, in bytes; the submission is in `sealed/`."""
MAX_BYTES = 64 << 30
_MAX_MANIFEST = 64 << 20
_BLOCK = 1 << 20
# What belongs to this machine or this moment, and keys.
_LEFT = {"runner.lock", "heartbeat", ".reserve", ".spare", "login.json", IMPORTED}
_LEFT_FOLDERS = ("relay", "hub-gate", f"workspace/{HUB_FOLDER}")
_SALT = "left out of the archive"
_NEEDED = {"spec.json", "status.json"}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1  # of a zip entry's flags
_ODD = re.compile(r"[\x00-\x1f\x7f\\]")


class Packed(Record):
    sha256: str
    size: int


class Manifest(Record):
    """What an archive holds; `left_out` says what of the run's folder it does not, and why."""

    version: Literal[1] = 1
    run_id: str
    made: datetime
    ptb_lite: str
    files: dict[str, Packed]
    left_out: tuple[str, ...] = ()


class Imported(Record):
    """The content of imported.json: where a run that was made elsewhere came from."""

    version: Literal[1] = 1
    time: datetime
    archive_sha256: str
    host: str
    """The machine that the run was made on."""


@dataclass(frozen=True)
class Archive:
    """A written or read archive: its own SHA-256, how many files with how many bytes."""

    path: Path
    run_id: str
    sha256: str
    files: int
    size: int
    left_out: tuple[str, ...]


def export_run(run: RunFolder, target: Path) -> Archive:
    """Write a run's archive, whole or not at all. The installation's secret stays here.

    Raises PtbLiteError for a run that is going on, cannot be read, or a target that exists or
    cannot be written.
    """
    spec, status = run.read_spec(), run.read_status()
    if status.state != "ended" and run.runner_lives():
        raise PtbLiteError("is going on", field=f"run {run.run_id}", hint="Wait, or stop it")
    if target.exists():
        raise PtbLiteError("is there already", field=str(target), hint="Take another name")
    account = ScanNotes()
    # Its own name: another export to the same target has its own.
    draft = target.parent / f".{target.name}.{os.getpid()}.part"
    plain = spec.model_copy(update={"item_salt": _SALT}).model_dump_json(indent=2) + "\n"
    files: dict[str, Packed] = {"spec.json": _packed(io.BytesIO(plain.encode()))}
    paths = dict(_paths(run.path, account))
    try:
        for name, path in paths.items():
            with open_regular(path) as stream:
                files[name] = _packed(stream)
        manifest = Manifest(
            run_id=run.run_id,
            made=datetime.now(UTC),
            ptb_lite=__version__,
            files=files,
            left_out=(*account.all_notes(), *account.unread),
        )
        with draft.open("xb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
            _add(packed, MANIFEST, io.BytesIO(manifest.model_dump_json(indent=1).encode()))
            _add(packed, "spec.json", io.BytesIO(plain.encode()))
            for name, path in paths.items():
                with open_regular(path) as stream:
                    _add(packed, name, stream)
        draft.replace(target)
    except OSError as error:
        raise PtbLiteError(
            f"cannot be written ({error.strerror or error})", field=str(target)
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return _archive(target, manifest)


def import_run(archive: Path, runs_dir: Path) -> tuple[RunFolder, Archive]:
    """Put the run of an archive beside the others, every file checked against the manifest.

    Raises PtbLiteError with the file that is wrong; then nothing is left of it.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".import-", dir=runs_dir))
    except OSError as error:
        raise PtbLiteError(f"cannot be written ({error})", field=str(runs_dir)) from error
    try:
        manifest = _unpack(archive, folder)
        found = RunFolder(folder)
        status = found.read_status()
        found.read_spec()
        if status.run_id != manifest.run_id:
            raise PtbLiteError("names two runs", field=str(archive))
        read = _archive(archive, manifest)
        write_record(
            folder / IMPORTED,
            Imported(time=datetime.now(UTC), archive_sha256=read.sha256, host=status.host),
        )
        target = runs_dir.resolve() / manifest.run_id
        if target.exists():
            raise PtbLiteError(
                f"is there already: {target}", field=f"run {manifest.run_id}", hint="Move it away"
            )
        folder.chmod(0o755)
        folder.rename(target)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise PtbLiteError(
            f"cannot be read as a run's archive ({printable(why)})", field=str(archive)
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return RunFolder(target), read


def read_imported(run: RunFolder) -> Imported | None:
    """Where a run came from; None for one of this machine."""
    try:
        return Imported.model_validate_json((run.path / IMPORTED).read_bytes())
    except (OSError, ValidationError):
        return None


def _paths(folder: Path, account: ScanNotes) -> Iterator[tuple[str, Path]]:
    for found in walk(folder, account):
        name = found.path.relative_to(folder).as_posix()
        if name in _LEFT or name.startswith(tuple(f"{each}/" for each in _LEFT_FOLDERS)):
            continue
        if name == "spec.json":
            continue
        if name.startswith("workspace/") and found.size > LARGEST:
            account.note(f"{found.relative}: {found.size / 1e6:.0f} MB, in the workspace")
        elif not _is_safe(name):
            account.note(f"{found.relative}: its name")
        else:
            yield name, found.path


def _is_safe(name: str) -> bool:
    parts = PurePosixPath(name).parts
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    plain = name == "/".join(parts) and not _ODD.search(name) and len(name) <= 1000
    return plain and bool(parts) and not name.startswith("/") and ".." not in parts


def _packed(stream: IO[bytes]) -> Packed:
    digest, size = hashlib.sha256(), 0
    while block := stream.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return Packed(sha256=digest.hexdigest(), size=size)


def _add(packed: zipfile.ZipFile, name: str, stream: IO[bytes]) -> None:
    # One time for all: the same run makes the same archive.
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with packed.open(entry, "w", force_zip64=True) as out:
        shutil.copyfileobj(stream, out, _BLOCK)


def _archive(path: Path, manifest: Manifest) -> Archive:
    return Archive(
        path=path,
        run_id=manifest.run_id,
        sha256=file_sha256(path),
        files=len(manifest.files),
        size=sum(each.size for each in manifest.files.values()),
        left_out=manifest.left_out,
    )


def _unpack(archive: Path, folder: Path) -> Manifest:
    """Raises PtbLiteError for what is no archive of this kind, or not what its manifest says."""
    with zipfile.ZipFile(archive) as packed:
        held = packed.namelist()
        for entry in packed.infolist():
            if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
                _refuse(archive, entry.filename, "is not packed as an export packs it")
        manifest = _manifest(packed, archive)
        _check_room(manifest, folder, archive)
        odd = sorted({*held} ^ {*manifest.files, MANIFEST})
        if odd or len(held) != len(manifest.files) + 1:
            _refuse(archive, (odd or held)[0], "is missing, twice, or not in the manifest")
        for name, said in manifest.files.items():
            with packed.open(name) as stream:
                if _write(stream, folder / name, said.size) != said:
                    _refuse(archive, name, "was changed: its SHA-256 is another")
    return manifest


def _manifest(packed: zipfile.ZipFile, archive: Path) -> Manifest:
    try:
        with packed.open(MANIFEST) as stream:
            raw = stream.read(_MAX_MANIFEST + 1)
    except KeyError:
        raise PtbLiteError("is no run's archive: no manifest", field=str(archive)) from None
    try:
        found = Manifest.model_validate_json(raw)
    except ValidationError as error:
        raise PtbLiteError("its manifest cannot be read", field=str(archive)) from error
    if not RUN_ID.fullmatch(found.run_id) or not found.files.keys() >= _NEEDED:
        raise PtbLiteError("names no run", field=str(archive))
    for name in found.files:
        if not _is_safe(name) or name in _LEFT:
            _refuse(archive, name, "is no name of a file in a run")
    return found


def _check_room(manifest: Manifest, folder: Path, archive: Path) -> None:
    sizes = [each.size for each in manifest.files.values()]
    if len(sizes) > MAX_FILES or min(sizes) < 0 or sum(sizes) > MAX_BYTES:
        most = f"{plural(MAX_FILES, 'file')} or {MAX_BYTES >> 30} GiB"
        raise PtbLiteError(f"holds more than {most}", field=str(archive))
    free = shutil.disk_usage(folder).free
    if sum(sizes) > free:
        need = f"needs {sum(sizes) / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        raise PtbLiteError(need, field=str(archive))


def _write(stream: IO[bytes], target: Path, size: int) -> Packed:
    """What was written, one byte above `size` at most. The folder is new: nothing in it is a
    link."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, written = hashlib.sha256(), 0
    with target.open("xb") as out:
        while block := stream.read(min(_BLOCK, size + 1 - written)):
            digest.update(block)
            out.write(block)
            written += len(block)
    return Packed(sha256=digest.hexdigest(), size=written)


def _refuse(archive: Path, name: str, why: str) -> NoReturn:
    raise PtbLiteError(f"{printable(name, 200)} {why}", field=str(archive))

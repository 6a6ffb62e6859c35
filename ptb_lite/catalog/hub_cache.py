"""What a person's own Hugging Face cache holds, repository by repository; nothing is downloaded.

Two kinds of folders: the Hub's (`hub/models--OWNER--NAME` and `hub/datasets--OWNER--NAME`: blobs,
refs and snapshots, where blobs may lie in a store that repositories share) and the tables that the
library `datasets` has prepared (`datasets/OWNER___NAME`). Layouts: huggingface_hub's guide
"Understand caching", and `huggingface_hub.utils._shared_blobs` since its version 2.

The Hub client is imported inside the functions: what starts with the command line needs none of it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo

RepositoryKind = Literal["model", "dataset", "prepared"]
MAX_FILES = 2000
"""A repository of more files is not taken."""
MAX_PARTS = 12
"""No file lies deeper below its repository than so many names."""
_FOLDERS = {"model": "models", "dataset": "datasets"}
_STORE = "blobs"


@dataclass(frozen=True)
class CachedRepository:
    """One repository of a cache.

    `name` is OWNER/NAME, `folder` where it lies. `files` are all that a reader may open, relative
    to the folder; `refs` are names of revisions with their commits. `store` are files outside of
    the folder that its blobs lead to, relative to the folder above. `bytes` is what all of it takes
    on disk, `used` when it was last used (seconds since the epoch). `problem`, if not empty, says
    why nothing of it can be taken.
    """

    kind: RepositoryKind
    name: str
    folder: Path
    files: tuple[str, ...] = ()
    refs: tuple[tuple[str, str], ...] = ()
    store: tuple[str, ...] = ()
    bytes: int = 0
    used: float = 0.0
    problem: str = ""


def cached_repositories() -> tuple[CachedRepository, ...]:
    """All of this person's cache, those used last first; empty where there is no cache.

    HF_HOME, HF_HUB_CACHE and HF_DATASETS_CACHE are honoured. Raises OSError for a cache that may
    not be read.
    """
    from huggingface_hub import constants

    home = Path(constants.HF_HOME)
    prepared = Path(os.environ.get("HF_DATASETS_CACHE") or home / "datasets")
    found = [*_of_hub(Path(constants.HF_HUB_CACHE)), *_prepared(prepared)]
    return tuple(sorted(found, key=lambda one: one.used, reverse=True))


def _of_hub(cache: Path) -> Iterator[CachedRepository]:
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        scanned = scan_cache_dir(cache)
    except (CacheNotFound, ValueError):
        return  # there is none, or a file in its place
    for repository in scanned.repos:
        if repository.repo_type in _FOLDERS:
            yield _repository(repository, cache)
    whole = {repository.repo_path.name for repository in scanned.repos}
    for entry in sorted(os.scandir(cache), key=lambda entry: entry.name):
        kind, _, name = entry.name.partition("--")
        if name and kind in _FOLDERS.values() and entry.name not in whole:
            one: RepositoryKind = "model" if kind == "models" else "dataset"
            said = name.replace("--", "/")
            yield CachedRepository(one, said, Path(entry.path), problem="it is incomplete")


def _repository(found: CachedRepoInfo, cache: Path) -> CachedRepository:
    """A repository as it can be shown: without files that lie outside of it and of the store."""
    kind: RepositoryKind = "model" if found.repo_type == "model" else "dataset"
    folder, store_root = found.repo_path, (cache / _STORE).resolve()
    inside = folder.resolve()
    files: set[str] = set()
    store: set[str] = set()
    refs: list[tuple[str, str]] = []
    for revision in found.revisions:
        refs += [(ref, revision.commit_hash) for ref in revision.refs]
        for file in revision.files:
            real = file.blob_path.resolve()
            if real.is_relative_to(store_root) and inside == cache.resolve() / folder.name:
                store.add(f"{_STORE}/{real.relative_to(store_root).as_posix()}")
            elif not real.is_relative_to(inside):
                continue
            for path in (file.file_path, file.blob_path):
                if path.is_relative_to(folder):
                    files.add(path.relative_to(folder).as_posix())
    return _bounded(
        CachedRepository(
            kind=kind,
            name=found.repo_id,
            folder=folder,
            files=tuple(sorted(files)),
            refs=tuple(sorted(refs)),
            store=tuple(sorted(store)),
            bytes=found.size_on_disk,
            used=max(found.last_accessed, found.last_modified),
        )
    )


def _prepared(cache: Path) -> Iterator[CachedRepository]:
    """The tables of `datasets`; those that it made of local files have no owner, and stay out."""
    if not cache.is_dir():
        return
    for entry in sorted(os.scandir(cache), key=lambda entry: entry.name):
        owner, _, name = entry.name.partition("___")
        if not owner or not name or not entry.is_dir():
            continue
        folder = Path(entry.path)
        files: list[str] = []
        size, used = 0, 0.0
        for path in _regular_below(folder):
            about = path.lstat()
            files.append(path.relative_to(folder).as_posix())
            size += about.st_size
            used = max(used, about.st_atime, about.st_mtime)
        if files:
            made = CachedRepository("prepared", f"{owner}/{name}", folder, tuple(files))
            yield _bounded(CachedRepository(**{**vars(made), "bytes": size, "used": used}))


def _regular_below(folder: Path) -> Iterator[Path]:
    """Regular files, one more than may be taken at most; locks are everybody's own."""
    count = 0
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(root, name)
            if stat.S_ISREG(path.lstat().st_mode) and path.suffix != ".lock":
                yield path
                count += 1
                if count > MAX_FILES:
                    return


def _bounded(found: CachedRepository) -> CachedRepository:
    problem = ""
    if len(found.files) > MAX_FILES:
        problem = f"it has more than {MAX_FILES:,} files"
    elif any(name.count("/") >= MAX_PARTS for name in found.files):
        problem = "its folders are nested too deep"
    elif not found.files:
        problem = "it holds no file"
    if not problem:
        return found
    return CachedRepository(found.kind, found.name, found.folder, used=found.used, problem=problem)

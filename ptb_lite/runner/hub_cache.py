"""What of a person's Hub cache an agent is shown, and the private layer that it is given over it.

Every agent has a Hugging Face folder of its own in its workspace. Of each repository that is shown
it holds the same layout, whose files are links to a read-only view of the host's: what is there
loads without a download, and whatever is new is written beside it, privately, and stays with the
run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.audit.evidence.sources import Sources
from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.hub_cache import MAX_PARTS, CachedRepository

MAX_MOUNTS = 200
"""Each of them delays the agent's start by about half a millisecond."""
MAX_LINKS = 10_000
_TUNED = re.compile(r"[-_.](?:it|instruct|chat)\b", re.IGNORECASE)
_TOO_MANY = "there are too many: those used last are shown"
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Choice:
    """The repositories that are shown, and the others with the reason."""

    shown: tuple[CachedRepository, ...]
    held_back: tuple[tuple[CachedRepository, str], ...]


@dataclass(frozen=True)
class HeldBack:
    """What no agent of a run is shown: the data sets `datasets` (ids of the Hub), the known places
    of test items, and instruct versions of `base`."""

    datasets: frozenset[str]
    sources: Sources
    base: ModelEntry

    def reason(self, repository: CachedRepository) -> str:
        """Why a repository is held back; empty for one that may be shown."""
        name = repository.name
        if name.lower() in {one.lower() for one in self.datasets}:
            return "it holds the test items of this run"
        if named := self.sources.named_by(name):
            return f"it is known to hold, or named after, test items of {named.benchmark}"
        if repository.kind == "model" and is_counterpart(name, self.base):
            return "it is an instruct version of the base model"
        return repository.problem


def choose(repositories: Iterable[CachedRepository], held_back: HeldBack) -> Choice:
    """Sort a cache into what is shown and what is not, in the order given."""
    shown: list[CachedRepository] = []
    kept: list[tuple[CachedRepository, str]] = []
    mounts = links = 0
    for one in repositories:
        reason = held_back.reason(one)
        if not reason:
            mounts += 1 + len(one.store)
            links += len(one.files)
            reason = _TOO_MANY if mounts > MAX_MOUNTS or links > MAX_LINKS else ""
        if reason:
            kept.append((one, reason))
        else:
            shown.append(one)
    return Choice(tuple(shown), tuple(kept))


def is_counterpart(name: str, base: ModelEntry) -> bool:
    """Whether a model calls itself the instruct version of `base`, copies in other formats too.

    `Qwen/Qwen3-0.6B-GGUF` is that of `Qwen/Qwen3-0.6B-Base`, whose own copies are not.
    """
    low = _bare(name)
    own = _bare(base.hub_id or base.id)
    if base.instruct is None:
        return own in low and bool(_TUNED.search(low.replace(own, "")))
    tuned = _bare(base.instruct)
    if tuned not in low:
        return False
    return not (tuned in own and own in low)


def _bare(name: str) -> str:
    return name.rpartition("/")[2].lower()


def fill(private: Path, shown: Sequence[CachedRepository], place: Callable[..., Path]) -> None:
    """Give an agent that has not begun its links to what is shown; `place(repository)` is where
    it finds a repository. Raises OSError."""
    made: set[Path] = set()
    for one in shown:
        folder = private / below(one)
        for ref, commit in one.refs:
            target = folder / "refs" / ref
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(commit, encoding="ascii")
        for name in one.files:
            link = folder / name
            if link.parent not in made:
                link.parent.mkdir(parents=True, exist_ok=True)
                made.add(link.parent)
            link.symlink_to(place(one) / name)


def below(repository: CachedRepository) -> Path:
    """Where a repository lies in any Hugging Face folder."""
    kind = "datasets" if repository.kind == "prepared" else "hub"
    return Path(kind, repository.folder.name)


def clear(workspace: Path, folder: str, place: str) -> None:
    """Take the links into `place` out of a repository of the agent's that it has left, and what is
    empty then. Nothing of the agent's own is touched, and none of its links is followed.

    `folder` is relative to the workspace.
    """
    parts = Path(folder).parts
    # Whatever stands in the way is the agent's own, and stays.
    with suppress(OSError), ExitStack() as stack:
        handles = [_opened(stack, os.fspath(workspace), None)]
        for part in parts:
            handles.append(_opened(stack, part, handles[-1]))
        _clear(handles[-1], place, 0)
        if [name for name, _, _ in _listed(handles[-1])] == ["refs"]:
            # Names of revisions alone are what it was given.
            _remove_files(_opened(stack, "refs", handles[-1]), 0)
            os.rmdir("refs", dir_fd=handles[-1])
        for part, above in zip(reversed(parts), reversed(handles[:-1]), strict=True):
            os.rmdir(part, dir_fd=above)


def _opened(stack: ExitStack, name: str, above: int | None) -> int:
    """A descriptor of a folder, closed with the stack. Raises OSError, also for a link."""
    handle = os.open(name, _OPEN, dir_fd=above)
    stack.callback(os.close, handle)
    return handle


def _clear(folder: int, place: str, depth: int) -> None:
    for name, is_link, is_folder in _listed(folder):
        if is_link:
            if os.readlink(name, dir_fd=folder).startswith(f"{place}/"):
                os.unlink(name, dir_fd=folder)
        elif is_folder and depth <= MAX_PARTS:
            with suppress(OSError), ExitStack() as stack:
                _clear(_opened(stack, name, folder), place, depth + 1)
                os.rmdir(name, dir_fd=folder)


def _remove_files(folder: int, depth: int) -> None:
    """Raises OSError for what is not a file or a folder of files."""
    for name, _, is_folder in _listed(folder):
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        if depth > MAX_PARTS:
            raise OSError("nested too deep")
        with ExitStack() as stack:
            _remove_files(_opened(stack, name, folder), depth + 1)
        os.rmdir(name, dir_fd=folder)


def _listed(folder: int) -> list[tuple[str, bool, bool]]:
    """Name, whether it is a link, whether it is a folder."""
    with os.scandir(folder) as entries:
        return [(e.name, e.is_symlink(), e.is_dir(follow_symlinks=False)) for e in entries]

"""What the control group leaves of a machine: in a container the machine's own figures mislead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Version 1 writes "no limit" as a number near 2^63.
_NO_LIMIT = 1 << 60
_TEXT_BYTES = 1 << 16


@dataclass(frozen=True)
class Limits:
    """Limits in force, None where there is none.

    `memory_bytes` is the smallest limit of this group and those above it, `available_bytes` what
    is left of it (page cache that can be dropped counts as left), `cores` the CPU quota.
    """

    memory_bytes: int | None = None
    available_bytes: int | None = None
    cores: float | None = None


def read_limits(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Limits:
    """The limits of this process's group, version 1 or 2. Unreadable files count as no limit."""
    memory: int | None = None
    available: int | None = None
    cores: float | None = None
    for folder in _groups(membership, root):
        limit = _number(folder / "memory.max", folder / "memory.limit_in_bytes")
        if limit is not None and limit < _NO_LIMIT:
            memory = _least(memory, limit)
            used = _number(folder / "memory.current", folder / "memory.usage_in_bytes") or 0
            available = _least(available, max(limit - used + _droppable(folder), 0))
        quota = _quota(folder)
        if quota is not None:
            cores = quota if cores is None else min(cores, quota)
    return Limits(memory, available, cores)


def _groups(membership: Path, root: Path) -> Iterator[Path]:
    """Folders of this process's groups and of all groups above them."""
    with suppress(OSError):
        for line in _text(membership).splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            bases = [root] if not controllers else [root / name for name in controllers.split(",")]
            parts = [part for part in path.split("/") if part not in ("", "..")]
            for base in bases:
                for depth in range(len(parts), -1, -1):
                    yield base.joinpath(*parts[:depth])


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(_TEXT_BYTES)


def _number(*candidates: Path) -> int | None:
    """The number in the first of these files that holds one."""
    for path in candidates:
        with suppress(OSError, ValueError):
            return int(_text(path))
    return None


def _droppable(folder: Path) -> int:
    with suppress(OSError, ValueError):
        for line in _text(folder / "memory.stat").splitlines():
            name, _, value = line.partition(" ")
            if name in ("inactive_file", "total_inactive_file"):
                return int(value)
    return 0


def _quota(folder: Path) -> float | None:
    with suppress(OSError, ValueError):
        allowed, _, period = _text(folder / "cpu.max").partition(" ")
        return int(allowed) / int(period)
    quota = _number(folder / "cpu.cfs_quota_us")
    interval = _number(folder / "cpu.cfs_period_us")
    return quota / interval if quota and interval and quota > 0 else None


def _least(known: int | None, value: int) -> int:
    return value if known is None else min(known, value)

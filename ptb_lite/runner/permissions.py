"""The host owns the workspace: what an agent took away by chmod is put back at the deadline."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def put_back(folder: Path) -> int:
    """Let the owner read (and enter) everything below `folder`; how many had to be changed.

    Links are not followed. What cannot be changed (another owner's, immutable) stays as it is:
    whoever reads it later says so.
    """
    changed, pending = 0, [folder]
    while pending:
        place = pending.pop()
        changed += _grant(place, stat.S_IRWXU)
        try:
            with os.scandir(place) as entries:
                found = list(entries)
        except OSError:
            continue
        for entry in found:
            with suppress(OSError):
                if entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    changed += _grant(Path(entry.path), stat.S_IRUSR)
    return changed


def _grant(path: Path, bits: int) -> int:
    with suppress(OSError):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode) and mode & bits != bits:
            path.chmod(stat.S_IMODE(mode) | bits)
            return 1
    return 0

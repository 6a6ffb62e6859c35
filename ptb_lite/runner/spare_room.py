"""Room on the disk for a run's last words: with none left, it still says that the disk is full."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from types import TracebackType

FILE = ".spare"
SPARE_BYTES = 256 << 10
"""A status and some lines of a journal."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


class SpareRoom:
    """Holds `SPARE_BYTES` in a folder while the body runs, where there is so much."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def __enter__(self) -> SpareRoom:
        with suppress(OSError), self._path.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, SPARE_BYTES)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        """Give the room up: what is written now has it."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def is_full(error: OSError) -> bool:
    """Whether an error is that of a full disk or a used quota."""
    return error.errno in _FULL


def has_no_room(folder: Path) -> bool:
    """Whether a run in a folder could not write what it has to."""
    return shutil.disk_usage(folder).free < SPARE_BYTES

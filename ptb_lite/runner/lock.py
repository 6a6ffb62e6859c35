"""One process at a time works on a run."""

from __future__ import annotations

from ptb_lite.errors import PtbLiteError
from ptb_lite.locks import FileLock, try_lock
from ptb_lite.runs.folder import RunFolder


def hold_lock(run: RunFolder) -> FileLock:
    """Hold the run's lock until this process ends, however it ends, or closes it.

    Raises PtbLiteError when another process holds it, OSError when the folder cannot be written.
    """
    lock = try_lock(run.lock)
    if lock is None:
        raise PtbLiteError(
            "another runner works on this run", field=run.run_id, hint="`ptb-lite attach` shows it"
        )
    return lock

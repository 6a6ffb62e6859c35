"""One process at a time works on a run."""

from __future__ import annotations

import fcntl
import os

from ptb_lite.errors import PtbLiteError
from ptb_lite.runs.folder import RunFolder


def hold_lock(run: RunFolder) -> int:
    """Hold the run's lock until this process ends, however it ends, or closes the handle.

    It is not inherited by children, so nothing that outlives the runner keeps it. Raises
    PtbLiteError when another process holds it.
    """
    handle = os.open(run.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise PtbLiteError(
            "another runner works on this run", field=run.run_id, hint="`ptb-lite attach` shows it"
        ) from None
    return handle

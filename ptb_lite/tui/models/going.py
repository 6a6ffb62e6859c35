"""Which runs of a folder go on: asked often, so of the newest few alone."""

from __future__ import annotations

from pathlib import Path

_NEWEST = 20


def going_runs(runs_dir: Path) -> tuple[str, ...]:
    """Their ids, the newest first; what cannot be read does not count."""
    # The first frame does not wait for what reads records.
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.runs.folder import RunFolder, list_runs

    def goes(run: RunFolder) -> bool:
        try:
            return run.read_status().state != "ended" and run.runner_lives()
        except (PtbLiteError, OSError):
            return False

    try:
        runs = list_runs(runs_dir)[-_NEWEST:]
    except OSError:
        return ()
    return tuple(run.run_id for run in reversed(runs) if goes(run))

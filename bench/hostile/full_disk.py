"""`unshare -m python -m bench.hostile.full_disk FOLDER PHASE...`: a runs folder that fills.

As root: the runs lie on a small tmpfs in a mount namespace of its own. With PHASE `start` it is
full before the run; else it is filled when that phase begins, and emptied before it is resumed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench.hostile.kills import AGENT, PATIENCE_SECONDS
from bench.hostile.lab import laboratory, start_whole
from bench.hostile.processes import outcome
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase

_SIZE = "80m"


def fill(folder: Path) -> Path:
    path = folder / "fill"
    with suppress(OSError), path.open("wb", buffering=0) as stream:
        while True:
            stream.write(b"\0" * (1 << 16))
    with suppress(OSError), path.open("ab", buffering=0) as stream:
        while True:
            stream.write(b"\0")
    return path


def main(folder: Path, names: list[str]) -> int:
    for name in names:
        bench = laboratory(folder, runs=f"runs-{name}")
        runs = bench.runs_dir
        runs.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(runs)], check=True
        )
        if name == "start":
            fill(runs)
            try:
                start_whole(bench, AGENT)
                print("start: the run began", flush=True)
            except (PtbLiteError, OSError) as error:
                print(f"start: {type(error).__name__}: {error}", flush=True)
            continue
        run = start_whole(bench, AGENT)
        while run.read_status().phase is not Phase(name) and run.runner_lives():
            time.sleep(0.02)
        filled = fill(runs)
        bench.finish(run, PATIENCE_SECONDS)
        status = run.read_status()
        log = run.log.read_text()[-300:] if run.log.exists() else ""
        said = f"{status.state} {status.outcome} {status.detail[:120]!r}"
        filled.unlink()
        with suppress(PtbLiteError):
            bench.resume(run)
        print(f"{name}: {said}; log {log[-160:]!r}; resumed: {outcome(run)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))

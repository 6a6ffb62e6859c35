"""`unshare -m python -m bench.hostile.full_disk FOLDER PHASE...`: a runs folder that fills.

As root: the runs lie on a small tmpfs in a mount namespace of its own. With PHASE `start` it is
full before the run; else it is filled when that phase begins, resumed once while it is full, and
emptied before it is resumed again.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from bench.hostile.kills import AGENT, PATIENCE_SECONDS
from bench.hostile.lab import laboratory, start_whole
from bench.hostile.processes import left_over, outcome
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase
from ptb_lite.files import read_record
from ptb_lite.runner.context import AgentEnd
from ptb_lite.runner.launch import resume
from ptb_lite.runs.folder import RunFolder

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


def resumed(run: RunFolder) -> str:
    """What a person is told who resumes it; empty where it goes on."""
    try:
        resume(run.path)
    except PtbLiteError as error:
        return str(error).replace(str(run.path), "RUN")
    return ""


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
        said = f"{status.state} {status.outcome} {status.detail[-80:]!r}"
        if not status.complete:
            said += f"; resumed while it is full: {resumed(run)!r}"
            bench.finish(run, PATIENCE_SECONDS)
        filled.unlink()
        again = resumed(run)
        bench.finish(run, PATIENCE_SECONDS)
        agent = read_record(run.agent_end, AgentEnd)
        print(
            f"{name}: {said}; with room again {again!r}: {outcome(run)}, "
            f"agent {agent.outcome} {agent.detail[-80:]!r}, left {left_over(run)}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), sys.argv[2:]))

"""`python -m bench.hostile.together FOLDER [COUNT] [KILLED]`: runs at the same time, some of whose
runners are killed and resumed.

Expected: each ends with its own submission and its own agent's file, and no process is left.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from bench.hostile.lab import laboratory, whole_spec
from bench.hostile.processes import left_over, outcome
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase
from ptb_lite.files import read_record
from ptb_lite.runner.context import Seal
from ptb_lite.runner.launch import launch, resume
from ptb_lite.runs.folder import RunFolder

AGENT = "submit(bit={n}); open('own.txt', 'w').write('{n}')\nimport time\ntime.sleep(5)"
PATIENCE_SECONDS = 3000.0
_LONG = (Phase.SEAL, Phase.AUDIT, Phase.EVALUATE)


def main(folder: Path, count: int, killed: int) -> int:
    """Exit code 1 where a run did not end as its own."""
    dice, bench = random.Random(0), laboratory(folder)
    began = time.monotonic()
    specs = [whole_spec(bench, AGENT.format(n=n), minutes=3.0) for n in range(count)]
    blows = {n: dice.choice(_LONG) for n in dice.sample(range(count), killed)}
    with ThreadPoolExecutor(count) as pool:
        runs = list(pool.map(lambda spec: RunFolder(launch(spec, bench.runs_dir)), specs))
    left = dict(enumerate(runs))
    while left and time.monotonic() - began < PATIENCE_SECONDS:
        time.sleep(0.1)
        for n, run in list(left.items()):
            status = run.read_status()
            if n in blows and blows[n] is status.phase and status.pid and run.runner_lives():
                time.sleep(dice.random())
                with suppress(OSError):
                    os.kill(status.pid, signal.SIGKILL)
                print(f"{n}: runner killed in {status.phase}", flush=True)
                del blows[n]
            elif not run.runner_lives():
                if run.read_status().state == "ended":
                    del left[n]
                else:
                    with suppress(PtbLiteError):
                        resume(run.path)
    took = time.monotonic() - began
    wrong = [said for n, run in enumerate(runs) if (said := _wrong(n, run))]
    hashes = {read_record(run.seal, Seal).sha256 for run in runs if run.seal.is_file()}
    done = killed - len(blows)
    print(f"{count} at once, {done} killed: {took:.0f} s, {len(hashes)} different submissions")
    for run in runs:
        print(f"  {run.run_id}: {run.read_status().outcome}, {outcome(run)}")
    print("\n".join(wrong) or "each as its own")
    return 1 if wrong or blows or len(hashes) != count else 0


def _wrong(n: int, run: RunFolder) -> str:
    own = run.workspace / "own.txt"
    said = own.read_text() if own.is_file() else "nothing"
    found = left_over(run)
    if run.read_scores() is None or said != str(n) or found:
        return f"{n}: wrote {said}, {run.read_status().outcome}, left {found}"
    return ""


if __name__ == "__main__":
    count, killed = map(int, sys.argv[2:4] or (12, 4))
    sys.exit(main(Path(sys.argv[1]).absolute(), count, killed))

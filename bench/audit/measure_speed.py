"""How long `ptb-lite audit FOLDER` takes over a large workspace, and how much memory.

`scripts/measure-audit --speed --work DIR [--data DIR] [--megabytes N | --files N]`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.audit.large_workspace import PLANTED, build, build_small
from bench.audit.material import SHARED
from ptb_lite.audit.evidence.test_sets.test_items import read_benchmark

_BETWEEN_SAMPLES = 1.0


def watched(program: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Wait for a program. Bytes that its processes held together at the most, and their CPU
    time in seconds, as last seen of each."""
    tree = psutil.Process(program.pid)
    peak, used = 0, dict[int, float]()
    while program.poll() is None:
        held = 0
        with contextlib.suppress(psutil.Error):
            for process in (tree, *tree.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    held += _memory_of(process)
                    times = process.cpu_times()
                    used[process.pid] = times.user + times.system
        peak = max(peak, held)
        time.sleep(_BETWEEN_SAMPLES)
    return peak, sum(used.values())


def _memory_of(process: psutil.Process) -> int:
    """Its bytes, what it shares divided among those that do; undivided where that is not told."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure-audit --speed", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="where the workspace is built")
    parser.add_argument("--data", type=Path, default=SHARED, help="test items, in DIR/BENCHMARK")
    parser.add_argument("--benchmark", default="gsm8k")
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--files", type=int, default=0, help="so many small files instead")
    options = parser.parse_args(arguments)
    items = read_benchmark(options.data, options.benchmark)
    workspace, trace = options.work / "workspace", options.work / "trace.jsonl"
    if not workspace.exists() and options.files:
        build_small(options.work, options.files, items)
    elif not workspace.exists():
        build(options.work, options.megabytes, items)
    command = [sys.executable, "-m", "ptb_lite", "audit", str(workspace), "--json",
               "--benchmark", options.benchmark, "--data-dir", str(options.data),
               *(["--trace", str(trace)] if trace.exists() else [])]  # fmt: skip
    load = os.getloadavg()[0]
    began = time.monotonic()
    with (options.work / "audit.json").open("wb") as out:
        program = subprocess.Popen(command, stdout=out)
        peak, cpu = watched(program)
    wall = time.monotonic() - began
    record = json.loads((options.work / "audit.json").read_text())
    for result in record["results"]:
        print(f"{result['detector']:14} {result['seconds']:7.1f} s  {result['status']:8}"
              f" {result['reason'][:150]}")  # fmt: skip
    size = f"{options.files:,} files" if options.files else f"{options.megabytes} MB"
    print(f"{size}: {wall:.0f} s, {cpu:.0f} s of CPU time, "
          f"{peak / 2**30:.2f} GiB at the most; load before {load:.1f}; {record['verdict']}, "
          f"{PLANTED} test items in its last file")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

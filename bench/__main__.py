"""`scripts/bench [--write] [NAME...] [PYTEST OPTIONS]`: measure, then print one table.

NAME is a file bench/test_NAME.py; without one all are measured. From the first option that
is not --write on, arguments go to pytest. --write keeps the figures in docs/performance.md.

Exit codes: 0 everything ran, 1 a benchmark failed or was cut off, 2 bad usage. A target that was
missed is a figure like others and changes nothing; neither does a benchmark that was skipped,
which the table shows as not measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from bench import figures, recorder
from bench.machine import this_machine
from bench.published import keep
from bench.rows import failed_to_run, read_outcomes, read_published, session_rows
from bench.table import as_text

ROOT = Path(__file__).parents[1]
DATA = ROOT / "bench/performance-cpu.json"
PAGE = ROOT / "docs/performance.md"
WRITE = "--write"
WIDTH = 132


def main(arguments: Sequence[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        print(f"{__doc__}\nNAMEs: {' '.join(names())}")
        return 0
    write = WRITE in arguments
    chosen, options = split([argument for argument in arguments if argument != WRITE])
    if unknown := [name for name in chosen if name not in names()]:
        print(f"error: no benchmark {unknown[0]}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    machine = this_machine()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder:
        published, outcomes = Path(folder) / "figures.jsonl", Path(folder) / "outcomes.jsonl"
        code = measure([f"bench/test_{name}.py" for name in chosen], options, published, outcomes)
        ended = read_outcomes(outcomes)
        rows = session_rows(ended, read_published(published), date.today())
    print("\n" + as_text(rows, shutil.get_terminal_size((WIDTH, 24)).columns), end="")
    if write and rows:
        keep(DATA, PAGE, machine, rows, whole=not chosen and not options)
        print(f"written to {PAGE.relative_to(ROOT)}")
    for test in failed_to_run(ended):
        print(f"error: {test} did not run to its end", file=sys.stderr)
    return code


def names() -> list[str]:
    """What can be named on the command line."""
    return sorted(path.stem.removeprefix("test_") for path in (ROOT / "bench").glob("test_*.py"))


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """(names, options): the options begin with the first argument that is one."""
    first = next((n for n, text in enumerate(arguments) if text.startswith("-")), len(arguments))
    return list(arguments[:first]), list(arguments[first:])


def measure(files: Sequence[str], options: Sequence[str], published: Path, outcomes: Path) -> int:
    """Run pytest in a process of its own; its exit code, 1 where it was killed.

    One that dies, as for want of memory, leaves the figures that it has published.
    """
    command = [sys.executable, "-m", "pytest", "-m", "bench", "-s", "--timeout=0"]
    command += ["-p", "bench.recorder", *(files or ["bench"]), *options]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        figures.VARIABLE: str(published),
        recorder.VARIABLE: str(outcomes),
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    return done.returncode if done.returncode >= 0 else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

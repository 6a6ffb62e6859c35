"""A hundredth of the fuzzing job: the same generated files each time (`bench/hostile/fuzz.py`).

In a process of its own, as an audit's server is: forked from one in which torch has run, the
examples' processes end by chance.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_generated_files_end_no_reader() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.hostile.fuzz", "--small"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("0 faults") == 4

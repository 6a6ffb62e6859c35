"""How fast this machine's CPU multiplies matrices: what a training step's time follows from.

`python -m ptb_lite.hardware.rate` measures and prints it, so that no app has to load numpy.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from ptb_lite.installation import own_program

_SIZES = (512, 1024)
_TIMES = 4
_SECONDS = 20.0
# Matrix units of a CPU make bfloat16 several times as fast as the float32 that is measured here.
_MATRIX_UNIT = 3.0


def cpu_rate() -> float | None:
    """The rate measured in a process of its own; None where that cannot be done."""
    command = own_program(__name__)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def measured_rate() -> float:
    """Floating point operations a second of a dense matmul, the best of a few; a tenth of a second.

    The best, since other programs only ever make it look slower.
    """
    import numpy as np

    best = 0.0
    for size in _SIZES:
        a = np.full((size, size), 0.5, np.float32)
        for _ in range(_TIMES):
            began = time.perf_counter()
            _ = a @ a
            best = max(best, 2.0 * size**3 / (time.perf_counter() - began))
    return best * (_MATRIX_UNIT if _has_matrix_unit() else 1.0)


def _has_matrix_unit() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


if __name__ == "__main__":
    print(measured_rate())

"""How fast a core of this machine multiplies matrices: what a training step's time follows from.

`python -m ptb_lite.hardware.rate` measures and prints it, so that no app has to load numpy.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from ptb_lite.installation import own_program

_SIZES = (512, 1024)
_TIMES = 4
_SECONDS = 20.0
_TICK = 1e-6
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Matrix units of a CPU make bfloat16 several times as fast as the float32 that is measured here.
_MATRIX_UNIT = 3.0


def core_rate() -> float | None:
    """The rate measured in a process of its own; None where that cannot be done."""
    command = own_program(__name__)
    # One thread, whose own time is then all that the multiplication took.
    alone = dict.fromkeys(_THREADS, "1")
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
            env={**os.environ, **alone},
        )
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def measured_rate() -> float:
    """Floating point operations of a dense matmul in a second of one core's time, the best of a
    few; a tenth of a second.

    Of the thread's own time and not the clock's, which a busy machine makes many times as long; the
    best, since neighbours slow memory and the other half of a core, too.
    """
    import numpy as np

    best = 0.0
    for size in _SIZES:
        a = np.full((size, size), 0.5, np.float32)
        for _ in range(_TIMES):
            began = time.thread_time()
            _ = a @ a
            best = max(best, 2.0 * size**3 / max(time.thread_time() - began, _TICK))
    return best * (_MATRIX_UNIT if _has_matrix_unit() else 1.0)


def _has_matrix_unit() -> bool:
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


if __name__ == "__main__":
    print(measured_rate())

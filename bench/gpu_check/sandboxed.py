"""The GPU inside the sandbox, and the GPU's memory after the deadline."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from bench.gpu_check.rows import Row, write_row
from ptb_lite.hardware.device import cuda_device
from ptb_lite.sandbox import sandbox
from ptb_lite.sandbox.plan import SandboxPlan, interpreter_paths
from ptb_lite.sandbox.supervisor import Ended, start

GB = 10**9
INITIALISES = """
import time
began = time.perf_counter()
import torch
x = torch.ones(1024, 1024, device='cuda')
assert float((x @ x).sum()) == 1024.0 ** 3
print(torch.cuda.get_device_name(), f'{time.perf_counter() - began:.1f} s')
"""
HOLDS = """
import signal, time, torch
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = torch.ones(20 * 10**9, dtype=torch.uint8, device='cuda')
torch.cuda.synchronize()
open('holding', 'w').close()
while True:
    held += 1
    torch.cuda.synchronize()
"""
DEADLINE = 25.0


def run(rows: Path) -> None:
    problem = sandbox("bubblewrap").problem()
    if problem is not None:
        write_row(rows, Row("sandbox", "bubblewrap", "cannot be used here", note=problem))
    names = ("bubblewrap", "none") if problem is None else ("none",)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            initialises(rows, name, Path(place))
            killed(rows, name, Path(place))


def initialises(rows: Path, name: str, place: Path) -> None:
    ended, said = inside(name, INITIALISES, place, 120.0)
    what = f"CUDA initialises, sandbox {name}"
    write_row(rows, Row("sandbox", what, ended.outcome.value, note=said[-300:]))


def killed(rows: Path, name: str, place: Path) -> None:
    """20 GB are held by a program that ignores SIGTERM; the deadline ends it."""
    before = free()
    ended, said = inside(name, HOLDS, place, DEADLINE)
    held = (place / "holding").exists()
    began = time.perf_counter()
    while before - free() > GB // 4 and time.perf_counter() - began < 10:
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    left = before - free()
    write_row(
        rows,
        Row(
            "sandbox",
            f"memory free again after the deadline, sandbox {name}",
            f"{seconds:.2f} s after its end" if left <= GB // 4 else "not free",
            note=f"{ended.outcome.value}; the program {'held' if held else 'never held'} 20 GB; "
            f"{left / GB:.2f} GB less free than before; {said[-200:]}",
        ),
    )


def inside(name: str, program: str, place: Path, deadline: float) -> tuple[Ended, str]:
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
    extra = os.environ.get("PYTHONPATH")
    shown = interpreter_paths()
    if extra:
        environment["PYTHONPATH"] = extra
        shown = (*shown, *map(Path, extra.split(os.pathsep)))
    plan = SandboxPlan(workspace=place, read_only=shown, environment=environment, gpu=True)
    output = place / "output.log"
    output.write_bytes(b"")
    running = start(
        sandbox(name).wrap([sys.executable, "-c", program], plan),
        environment=environment,
        cwd=place,
        deadline_seconds=deadline,
        stdout=output,
        stderr=output,
    )
    ended = running.wait(deadline + 30)
    assert ended is not None, "the supervisor did not end in time"
    return ended, output.read_text(errors="replace").strip()


def free() -> int:
    gpu = cuda_device()
    assert gpu is not None
    return gpu.available_bytes

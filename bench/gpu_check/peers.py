"""Other trainers beside ours, each in an environment of its own (`gpu-check --with NAME`)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.gpu_check.workload import BATCH, LONGEST
from ptb_lite.training.data import Example

PYTHON = "PTB_LITE_UNSLOTH_PYTHON"
"""Names the Python of an environment that has Unsloth; scripts/gpu-check makes one and sets it."""

PROGRAM = Path(__file__).with_name("unsloth_step.py")
SECONDS = 300.0


@dataclass(frozen=True)
class Peer:
    """What a peer's training took: seconds of every step, bytes at the peak, mean losses."""

    version: str
    fits: bool
    seconds: tuple[float, ...]
    allocated: int
    reserved: int
    losses: tuple[float, ...]


class PeerError(Exception):
    """The peer could not be measured."""


def unsloth(
    folder: Path, made: Sequence[Example], *, allowed: int, checkpointing: bool, steps: int
) -> Peer:
    """Unsloth on the same model and examples; `allowed` bytes are torch's (0: all), and with
    `checkpointing` it is Unsloth's own, its default.

    Raises PeerError with the last line that it said.
    """
    python = os.environ.get(PYTHON, "")
    if not python:
        raise PeerError(f"{PYTHON} names no Python with Unsloth")
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as name:
        place = Path(name)
        data, result = place / "data.jsonl", place / "result.json"
        data.write_text("".join(json.dumps(asdict(one)) + "\n" for one in made), encoding="utf-8")
        settings = place / "settings.json"
        settings.write_text(
            json.dumps(
                {
                    "model": str(folder),
                    "data": str(data),
                    "result": str(result),
                    "scratch": str(place / "out"),
                    "allowed": allowed,
                    "checkpointing": checkpointing,
                    "batch": BATCH,
                    "steps": steps,
                    "longest": LONGEST,
                }
            ),
            encoding="utf-8",
        )
        # Our packages are not the peer's; it writes compiled code where it is started.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        try:
            done = subprocess.run(
                [python, str(PROGRAM), str(settings)],
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise PeerError(f"not done after {SECONDS:.0f} s") from None
        if not result.exists():
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            raise PeerError(f"exit code {done.returncode}: {said[:300]}")
        found = json.loads(result.read_text(encoding="utf-8"))
    found["seconds"], found["losses"] = tuple(found["seconds"]), tuple(found["losses"])
    return Peer(**found)

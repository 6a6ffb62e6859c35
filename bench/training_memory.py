"""`python -m bench.training_memory ours|stock nf4|none`: memory of training steps, as JSON.

A process of its own for each, since what one leaves resident would count for the next.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from transformers import PrinterCallback

from bench.training_setup import our_trainer, peer_trainer

STEPS = 2


def main() -> None:
    kind, quantization = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if kind == "ours":
            trainer = our_trainer(place, steps=STEPS, quantization=quantization).trainer  # type: ignore[arg-type]
        else:
            trainer = peer_trainer(place, steps=STEPS, quantization=quantization)  # type: ignore[arg-type]
        trainer.remove_callback(PrinterCallback)
        # Weights that nothing has read yet are still in their file: not the step's doing.
        for parameter in trainer.model.parameters():
            parameter.detach().flatten()[::1024].sum()
        before = resident("VmRSS")
        # Forget the peak of loading: from here on it is the steps'.
        Path("/proc/self/clear_refs").write_text("5")
        trainer.train()
        print(json.dumps({"before": before, "peak": resident("VmHWM")}))


def resident(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    main()

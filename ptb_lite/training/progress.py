"""What a training run says while it runs: JSON lines for programs, plain lines for people."""

from __future__ import annotations

import json
import sys
from typing import TextIO


class Reporter:
    """Writes one line a message to `stream`, flushed; `as_json` chooses the form."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._as_json = as_json
        self._stream = stream or sys.stdout

    def step(
        self,
        *,
        step: int,
        steps: int,
        loss: float,
        learning_rate: float,
        tokens_per_second: float,
    ) -> None:
        """One optimizer step; `loss` is the mean over its supervised tokens, in nats."""
        self._write(
            {
                "type": "training",
                "step": step,
                "steps": steps,
                "loss": round(loss, 4),
                "learning_rate": float(f"{learning_rate:.3g}"),
                "tokens_per_second": round(tokens_per_second, 1),
            },
            f"step {step}/{steps}  loss {loss:.4f}  {tokens_per_second:.0f} tokens/s",
        )

    def note(self, text: str) -> None:
        self._write({"type": "note", "text": text}, text)

    def checkpoint(self, step: int, path: str) -> None:
        self._write(
            {"type": "checkpoint", "step": step, "path": path}, f"adapter of step {step}: {path}"
        )

    def ended(self, outcome: str, *, steps: int, seconds: float, path: str) -> None:
        self._write(
            {
                "type": "training_ended",
                "outcome": outcome,
                "steps": steps,
                "seconds": round(seconds, 1),
                "path": path,
            },
            f"{outcome} after {steps} steps and {seconds:.0f} s: adapter in {path}",
        )

    def _write(self, data: dict[str, object], text: str) -> None:
        self._stream.write((json.dumps(data) if self._as_json else text) + "\n")
        self._stream.flush()

"""The nearest rows to each item by a local embedding model, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.installation import own_program

TIMEOUT_SECONDS = 900.0
LEAST_COSINE = 0.8


class EmbeddingError(Exception):
    """No embeddings: no torch or transformers here, no such model, or too slow."""


def nearest(
    model: Path, items: Sequence[str], rows: Sequence[str], top: int
) -> list[tuple[int, int, float]]:
    """Item number, row number and cosine, for the `top` rows of every item at `LEAST_COSINE` or
    more. Raises EmbeddingError."""
    if not (model / "config.json").is_file():
        raise EmbeddingError(f"{model} is no model folder")
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder) / "asked.json", Path(folder) / "told.json"
        asked.write_text(json.dumps({"items": [*items], "rows": [*rows], "top": top}))
        command = own_program("ptb_lite.audit.text.embed_worker", *map(str, (model, asked, told)))
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
            if done.returncode != 0:
                lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
                raise EmbeddingError(lines[-1][:300] if lines else "the worker failed")
            found = json.loads(told.read_text())
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise EmbeddingError(str(error)[:300]) from error
    return [(int(i), int(r), float(c)) for i, r, c in found if c >= LEAST_COSINE]

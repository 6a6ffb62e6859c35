"""Whole runs of a tiny model in a folder of their own, for what is measured here."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.functional.runner.conftest import TINY, Bench
from tests.functional.tiny_models import tiny_gemma3


def laboratory(folder: Path, *, runs: str = "runs") -> Bench:
    """Runs with state, cache and settings below `folder`; sets the environment of this process."""
    config, model = folder / "config", folder / "model"
    config.mkdir(parents=True, exist_ok=True)
    if not model.exists():
        tiny_gemma3(model, hidden=32, bos=True)
    entry = {**TINY, "path": os.fspath(model)}
    (config / "models.yaml").write_text(json.dumps({"tiny": entry}), encoding="utf-8")
    os.environ |= {
        "PTB_LITE_CONFIG": str(config),
        "PTB_LITE_STATE": str(folder / "state"),
        "PTB_LITE_CACHE": str(folder / "cache"),
    }
    return Bench(config, folder / runs)

"""Whole runs of a tiny model in a folder of their own, for what is measured here."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ptb_lite.runner.launch import launch
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec.run_spec import RunSpec
from tests.functional.runner.conftest import TINY, Bench

# An adapter's seal and evaluation take the seconds of importing PEFT twice; these take neither.
_SUBMIT_WHOLE = """
import json, os, shutil, time

def submit(bit=0):
    base = json.load(open("task.json"))["base_model"]
    os.makedirs("final_model")
    shutil.copy(base + "/config.json", "final_model/config.json")
    raw = bytearray(open(base + "/model.safetensors", "rb").read())
    raw[8 + int.from_bytes(raw[:8], "little") + 2 * bit] ^= 1
    open("final_model/model.safetensors", "wb").write(raw)

"""


def whole_spec(bench: Bench, code: str, **overrides: object) -> RunSpec:
    """A run whose agent runs `code`; `submit(bit=N)` leaves whole weights, one changed by a bit."""
    command = ["python", "-c", _SUBMIT_WHOLE + code]
    return bench.spec(command, submission="full", **overrides)


def start_whole(bench: Bench, code: str, **overrides: object) -> RunFolder:
    return RunFolder(launch(whole_spec(bench, code, **overrides), bench.runs_dir))


def laboratory(folder: Path, *, runs: str = "runs") -> Bench:
    """Runs with state, cache and settings below `folder`; sets the environment of this process."""
    config, model = folder / "config", folder / "model"
    config.mkdir(parents=True, exist_ok=True)
    if not model.exists():
        # Imported late: it needs torch.
        from tests.functional.tiny_models import tiny_gemma3

        tiny_gemma3(model, hidden=32, bos=True)
    entry = {**TINY, "path": os.fspath(model)}
    (config / "models.yaml").write_text(json.dumps({"tiny": entry}), encoding="utf-8")
    os.environ |= {
        "PTB_LITE_CONFIG": str(config),
        "PTB_LITE_STATE": str(folder / "state"),
        "PTB_LITE_CACHE": str(folder / "cache"),
    }
    return Bench(config, folder / runs, folder / "cache" / "baselines")

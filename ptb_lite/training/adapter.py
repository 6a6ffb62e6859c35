"""Saving an adapter: adapter_config.json and adapter_model.safetensors, and nothing else."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


def save_adapter(model: Any, folder: Path, *, base: str) -> None:
    """Write the adapter of a PEFT model into `folder`, replacing one that is there.

    `base` becomes base_model_name_or_path. The files are complete under another name before they
    get theirs, so an interruption leaves the older adapter or the new one. The optimizer's state is
    not saved: it would be a pickle.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
    try:
        model.save_pretrained(str(temporary), safe_serialization=True, save_embedding_layers=False)
        _name_base(temporary / CONFIG, base)
        for name in (WEIGHTS, CONFIG):
            (temporary / name).chmod(0o644)
            (temporary / name).replace(folder / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _name_base(path: Path, base: str) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")

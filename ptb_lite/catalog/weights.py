"""Where a catalogue model's weights lie, and what identifies them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ptb_lite.catalog.embedded import Progress, embedded_model, file_sha256, weights_sha256
from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.hub.download import OnBytes
from ptb_lite.catalog.hub.models import hub_model
from ptb_lite.errors import CatalogError


def base_model_folder(
    entry: ModelEntry, *, on_progress: Progress | None = None, on_bytes: OnBytes | None = None
) -> Path:
    """A folder of plain files in Hugging Face layout; converts or downloads it when needed.

    Raises CatalogError that names the model and the way out.
    """
    match entry.source:
        case "embedded":
            return embedded_model(entry.id, on_progress=on_progress, on_bytes=on_bytes)
        case "local":
            return _local(entry)
        case "hub":
            return hub_model(entry, on_progress=on_progress, on_bytes=on_bytes)


def base_sha256(folder: Path) -> str:
    """Identity of a model folder's weights: of one file its SHA-256, of several that of theirs."""
    shards = sorted(folder.glob("*.safetensors"))
    if len(shards) == 1 and shards[0].name == "model.safetensors":
        return weights_sha256(folder)
    digests = [f"{shard.name}:{file_sha256(shard)}" for shard in shards]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _local(entry: ModelEntry) -> Path:
    folder = Path(entry.path or "").expanduser().resolve()
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise CatalogError(
            f"{folder} holds no model (config.json and *.safetensors)",
            field=f"model {entry.id}",
            hint="Put its path right in models.yaml",
        )
    return folder

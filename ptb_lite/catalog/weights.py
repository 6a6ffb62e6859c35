"""Where a catalogue model's weights lie: the embedded one in the cache, a Hub one downloaded."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ptb_lite.catalog.embedded import Progress, embedded_model, file_sha256, weights_sha256
from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.errors import CatalogError

# No pickles, no code, no other framework's copies of the same weights.
_WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja")


def base_model_folder(entry: ModelEntry, *, on_progress: Progress | None = None) -> Path:
    """A folder in Hugging Face layout; downloads or converts it when it is not there yet.

    Raises CatalogError that names the model and the way out: a gated model's page and HF_TOKEN,
    no network, no space.
    """
    match entry.source:
        case "embedded":
            return embedded_model(entry.id, on_progress=on_progress)
        case "local":
            return _local(entry)
        case "hub":
            return _hub(entry)


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


def _hub(entry: ModelEntry) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    field = f"model {entry.id}"
    try:
        return Path(snapshot_download(entry.hub_id, allow_patterns=list(_WANTED)))
    except (GatedRepoError, RepositoryNotFoundError) as error:
        raise CatalogError(
            f"the Hub does not give out {entry.hub_id} without permission",
            field=field,
            hint=f"Accept its terms on its Hub page ({entry.hub_id}) and set HF_TOKEN"
            if "HF_TOKEN" not in os.environ
            else f"Accept its terms on its Hub page ({entry.hub_id}) with the account of HF_TOKEN",
        ) from error
    except LocalEntryNotFoundError as error:
        raise CatalogError(
            f"{entry.hub_id} is not on this machine and the Hub cannot be reached",
            field=field,
            hint="Connect to the network, or choose an embedded model",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise CatalogError(
            f"{entry.hub_id} could not be downloaded: {type(error).__name__}",
            field=field,
            hint="Check the network and the free space, then run again: finished files are kept",
        ) from error

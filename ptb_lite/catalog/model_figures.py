"""Whether a folder of weights is the model that the catalogue describes.

The kind, the shape and the number of parameters are compared: a stand-in of another size, or a
repository that now holds another model, would give scores under the wrong name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.hub.errors import HubError

_CONFIG_BYTES = 1 << 20
_HEADER_BYTES = 100_000_000
# Of all parameters: what a checkpoint may hold beside weights (rotary tables, buffers).
_TOLERANCE = 0.01
_HEAD, _EMBEDDING = "lm_head.weight", "embed_tokens.weight"
# An entry's field: its names in config.json.
_SHAPE = {
    "layers": "num_hidden_layers",
    "hidden": "hidden_size",
    "vocabulary": "vocab_size",
}


def check_figures(entry: ModelEntry, folder: Path) -> None:
    """Raises HubError naming the figure that differs, or the file that cannot be read."""
    try:
        config = _config(folder)
        count = parameter_count(folder, tied=entry.tied_embeddings)
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(entry, f"its files cannot be read ({error})") from error
    kind = str(config.get("model_type", ""))
    if entry.model_type and kind not in (entry.model_type, f"{entry.model_type}_text"):
        raise _refusal(entry, f"its kind is '{kind[:40]}', not '{entry.model_type}'")
    text = config.get("text_config")
    shape = {**config, **text} if isinstance(text, dict) else config
    for field, key in _SHAPE.items():
        found, wanted = shape.get(key), getattr(entry, field)
        if found is not None and found != wanted:
            raise _refusal(entry, f"its {key} is {str(found)[:40]}, not {wanted}")
    if abs(count - entry.parameters) > _TOLERANCE * entry.parameters:
        raise _refusal(entry, f"it has {count:,} parameters, not {entry.parameters:,}")


def parameter_count(folder: Path, *, tied: bool) -> int:
    """The elements of all tensors of `*.safetensors`; with `tied` the head is the embedding.

    Raises ValueError for a file that is not safetensors.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        shapes.update(_shapes(path))
    embedding = next((shape for name, shape in shapes.items() if name.endswith(_EMBEDDING)), None)
    return sum(
        math.prod(shape)
        for name, shape in shapes.items()
        # Some checkpoints store the tied matrix twice.
        if not (tied and name.endswith(_HEAD) and shape == embedding)
    )


def _config(folder: Path) -> Mapping[str, Any]:
    with (folder / "config.json").open("rb") as file:
        config = json.loads(file.read(_CONFIG_BYTES))
    if not isinstance(config, dict):
        raise ValueError("config.json is no object")
    return config


def _shapes(path: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor: 8 bytes of length, then a JSON header."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(_HEADER_BYTES, path.stat().st_size - 8):
            raise ValueError(f"{path.name} is not a safetensors file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError(f"{path.name} is not a safetensors file")
    for name, tensor in header.items():
        if name != "__metadata__":
            try:
                yield name, tuple(int(size) for size in tensor["shape"])
            except (KeyError, TypeError) as error:
                raise ValueError(f"{path.name} is not a safetensors file") from error


def _refusal(entry: ModelEntry, what: str) -> HubError:
    return HubError(
        f"the copy of {entry.hub_id} that is here is not the catalogue's {entry.id}: {what}",
        field="model",
        hint="Remove it from the Hub's cache, or describe this model in a models.yaml of your own "
        "(`revision:` names a commit)",
    )

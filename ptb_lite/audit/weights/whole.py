"""Whether a folder's whole weights may be loaded in the base model's architecture.

Of such a submission the host reads tensors and nothing else: architecture, tokenizer, chat template
and generation settings are the base model's own. Read as bytes, tensor by tensor.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ptb_lite.audit.evidence.folder import open_regular, printable
from ptb_lite.audit.weights.distance import PREFIXES
from ptb_lite.audit.weights.safetensors_file import (
    MalformedWeightsError,
    TensorInfo,
    first_non_finite,
    read_header,
)

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
KEPT = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "chat_template.jinja")  # fmt: skip
"""Sealed as evidence where they are there; never loaded."""
_MAX_INDEX = 16 << 20
_MAX_KEPT = 64 << 20
_SHARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.safetensors")
_DTYPES = ("F32", "F16", "BF16")
_EMBEDDINGS = ("embed_tokens.weight", "lm_head.weight")
_MOST_NEW_TOKENS = 8192
# A base in 16 bits may come back in 32, with a head of its own.
_LARGER = 3
_SPARE = 1 << 30
MAX_UNKNOWN = 64 << 30
"""In bytes, where there is no base model to go by."""


def whole_weights(folder: Path) -> bool:
    """Whether a folder holds, or claims, whole weights and no adapter."""
    if (folder / "adapter_config.json").exists():
        return False
    return any((folder / name).exists() for name in (SINGLE, INDEX))


def weight_files(folder: Path) -> tuple[str, ...]:
    """The files that hold the weights, the index first where there is one.

    Raises MalformedWeightsError for an index that names what is not there, OSError.
    """
    if (folder / SINGLE).exists():
        return (SINGLE,)
    shards = sorted(set(_index(folder).values()))
    for name in shards:
        if not _SHARD.fullmatch(name):
            raise MalformedWeightsError(f"{INDEX} names {printable(name, 80)!r}, no file here")
        if not (folder / name).exists():
            raise MalformedWeightsError(f"the shard {name} is missing")
    if not shards:
        raise MalformedWeightsError(f"{INDEX} names no file")
    return (INDEX, *shards)


def kept_files(folder: Path) -> tuple[str, ...]:
    """Regular files beside the weights that are sealed with them."""
    found = (name for name in KEPT if not (folder / name).is_symlink())
    return tuple(
        n for n in found if (folder / n).is_file() and (folder / n).stat().st_size <= _MAX_KEPT
    )


def most_bytes(base_model: Path | None) -> int:
    """How large whole weights of this base may be, in bytes."""
    if base_model is None:
        return MAX_UNKNOWN
    own = sum(path.stat().st_size for path in base_model.glob("*.safetensors"))
    return _LARGER * own + _SPARE


def problem_with_whole(folder: Path, base_model: Path | None) -> str | None:
    """Why the weights are no model of the base's architecture, or None.

    Raises MalformedWeightsError or OSError for files that cannot be read.
    """
    tensors = _tensors(folder)
    for name, info in tensors.items():
        if info.dtype not in _DTYPES:
            return f"{name} is stored as {info.dtype}; save as float32, float16 or bfloat16"
    if base_model is None:
        return None
    base: dict[str, TensorInfo] = {}
    for path in sorted(base_model.glob("*.safetensors")):
        # The host's own file, which may be a link into the Hub cache.
        base |= {PREFIXES.sub("", info.name): info for info in read_header(path.resolve())}
    missing = sorted(name for name in base if name not in tensors and name not in _EMBEDDINGS)
    extra = sorted(name for name in tensors if name not in base and name not in _EMBEDDINGS)
    if not tensors.keys() & set(_EMBEDDINGS):
        missing.append(_EMBEDDINGS[0])
    if missing or extra:
        first = f"{missing[0]} is missing" if missing else f"{extra[0]} has no place in it"
        count = f"{len(missing)} tensors missing, {len(extra)} too many"
        return f"not the base model's architecture: {printable(first, 200)} ({count})"
    for name, info in tensors.items():
        if (problem := _shape_problem(name, info.shape, base, base_model)) is not None:
            return problem
    return _vocabulary_problem(tensors)


def first_broken(folder: Path) -> str | None:
    """The first tensor that holds an infinity or NaN. Reads every file once."""
    for name in weight_files(folder):
        if name != INDEX:
            broken = first_non_finite(folder / name, read_header(folder / name))
            if broken is not None:
                return broken
    return None


def _tensors(folder: Path) -> dict[str, TensorInfo]:
    """By name without prefixes. Raises MalformedWeightsError where one stands twice, or elsewhere
    than the index says."""
    names = weight_files(folder)
    said = _index(folder) if names[0] == INDEX else None
    found: dict[str, TensorInfo] = {}
    for file in names:
        if file == INDEX:
            continue
        for info in read_header(folder / file):
            short = PREFIXES.sub("", info.name)
            if short in found:
                raise MalformedWeightsError(f"{printable(info.name, 200)} stands twice")
            if said is not None and said.get(info.name) != file:
                raise MalformedWeightsError(
                    f"{printable(info.name, 200)} is in {file}, not where {INDEX} says"
                )
            found[short] = info
    if said is not None and len(said) != len(found):
        raise MalformedWeightsError(f"{INDEX} names tensors that no shard holds")
    return found


def _shape_problem(
    name: str, shape: tuple[int, ...], base: dict[str, TensorInfo], base_model: Path
) -> str | None:
    theirs = base.get(name)
    if theirs is None:
        # A head of its own beside tied embeddings, or the other way round.
        theirs = next(base[other] for other in _EMBEDDINGS if other in base)
    if shape == theirs.shape:
        return None
    if name in _EMBEDDINGS and len(shape) == len(theirs.shape) == 2 and shape[1] == theirs.shape[1]:
        more = shape[0] - theirs.shape[0]
        if more > _MOST_NEW_TOKENS:
            return (
                f"{name} has {more:,} rows more than the base's; {_MOST_NEW_TOKENS:,} are allowed"
            )
        # Bases with spare rows (Qwen3) lose them to resize_token_embeddings(len(tokenizer)).
        if more > 0 or shape[0] >= _token_count(base_model, most=theirs.shape[0]):
            return None
        return f"{name} has {shape[0]:,} rows, too few for the base's tokenizer"
    return f"{printable(name, 200)} has the shape {list(shape)}, the base {list(theirs.shape)}"


def _vocabulary_problem(tensors: dict[str, TensorInfo]) -> str | None:
    rows = [tensors[name].shape[0] for name in _EMBEDDINGS if name in tensors]
    if len(set(rows)) > 1:
        return f"{_EMBEDDINGS[0]} has {rows[0]:,} rows and {_EMBEDDINGS[1]} {rows[1]:,}"
    return None


def _token_count(base_model: Path, *, most: int) -> int:
    """One more than the highest token of the base's tokenizer.json; `most` where that cannot be
    told, or is higher."""
    try:
        # The host's own file, which may be a link into the Hub cache.
        said = json.loads((base_model / "tokenizer.json").resolve().read_bytes())
        ids = [int(one["id"]) for one in said.get("added_tokens", [])]
        words = said["model"]["vocab"]
        ids += words.values() if isinstance(words, dict) else [len(words) - 1]
        return min(most, max(ids) + 1)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return most


def _index(folder: Path) -> dict[str, str]:
    with open_regular(folder / INDEX) as stream:
        raw = stream.read(_MAX_INDEX + 1)
    try:
        found = json.loads(raw)["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise MalformedWeightsError(f"{INDEX} holds no weight_map")
    return found

"""What a comparison of weights says for a reader: how much changed, where, and of which rank."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from ptb_lite.audit.evidence.folder import open_regular, sha256_of
from ptb_lite.audit.weights.distance import Comparison, Stored, TensorDistance, tensors_in

_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_EMBEDDING = re.compile(r"embed_tokens|wte|word_embeddings")
_KINDS = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}
_MAX_ROWS_BYTES = 1 << 30
SAME_SHARE = 0.5
_MAX_JSON = 4 << 20
_MAX_TOKENIZER = 256 << 20
_SHAPE_FIELDS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                 "num_key_value_heads", "vocab_size", "head_dim")  # fmt: skip


def described(found: Comparison) -> Iterator[str]:
    """Facts of the submission beside the base, each a sentence."""
    tensors = found.tensors
    if not tensors:
        return
    changed = [t for t in tensors if t.change > 0]
    length = sum(t.change**2 for t in tensors) ** 0.5
    whole = sum(t.base**2 for t in tensors) ** 0.5
    yield (
        f"beside the base: {len(changed)} of {len(tensors)} tensors changed, by {length:.3g} of "
        f"{whole:.3g} (Frobenius norms over what was read)"
    )
    matrices = [t.low_rank for t in changed if t.low_rank < 1]
    if matrices:
        share = median(matrices)
        yield f"95 % of the change lies in {share:.0%} of the rank (median of {len(matrices)})"
    layers = dict(by_layer(tensors))
    if layers:
        least = min(layers, key=lambda layer: layers[layer])
        yield (
            f"cosine with the base by layer: median {median(layers.values()):.4f}, least "
            f"{layers[least]:.4f} in layer {least}"
        )


def by_layer(tensors: Iterable[TensorDistance]) -> Iterator[tuple[int, float]]:
    """The least cosine with the base among each layer's matrices."""
    found: dict[int, list[float]] = defaultdict(list)
    for tensor in tensors:
        match = _LAYER.search(tensor.name)
        if match:
            found[int(match[1])].append(tensor.cosine)
    for layer, cosines in sorted(found.items()):
        yield layer, min(cosines)


def changed_embedding_rows(own: dict[str, Stored], base: dict[str, Stored]) -> str:
    """How many rows of the embedding differ from the base's, bytes compared; empty where it cannot
    be told (another type or width). Raises OSError."""
    name = next((n for n in base if _EMBEDDING.search(n) and n in own), "")
    if not name:
        return ""
    mine, theirs = own[name].info, base[name].info
    if mine.dtype != theirs.dtype or mine.dtype not in _KINDS or mine.shape[1:] != theirs.shape[1:]:
        return "embedding rows: not measured (another type or width than the base's)"
    width = mine.shape[1] * _KINDS[mine.dtype]
    rows = min(mine.shape[0], theirs.shape[0], _MAX_ROWS_BYTES // width)
    changed = 0
    with open_regular(own[name].path) as left, open_regular(base[name].path) as right:
        left.seek(mine.start)
        right.seek(theirs.start)
        for _ in range(rows):
            changed += left.read(width) != right.read(width)
    return f"embedding: {changed} of {rows} rows differ from the base's"


def same_as(own: dict[str, Stored], files: Iterable[Path]) -> float:
    """The share of the submission's large tensors, by bytes, that are byte for byte another
    model's. Raises MalformedWeightsError or OSError."""
    other = tensors_in(files)
    total = equal = 0
    for name, mine in own.items():
        size = mine.info.end - mine.info.start
        if size < 1 << 12:
            continue
        total += size
        theirs = other.get(name)
        if theirs is None or theirs.info.shape != mine.info.shape:
            continue
        if theirs.info.dtype == mine.info.dtype and _equal(mine, theirs, size):
            equal += size
    return equal / total if total else 0.0


def _equal(mine: Stored, theirs: Stored, size: int) -> bool:
    """By three pieces of each: what was trained at all differs in any of them."""
    piece = min(size, 1 << 16)
    with open_regular(mine.path) as left, open_regular(theirs.path) as right:
        for at in (0, (size - piece) // 2, size - piece):
            left.seek(mine.info.start + at)
            right.seek(theirs.info.start + at)
            if left.read(piece) != right.read(piece):
                return False
    return True


def identity(folder: Path, base: Path | None, instruct: Path | None) -> Iterator[str]:
    """What tokenizer and configuration say of the origin: facts, since a fine-tune may keep or
    change either."""
    for name, other in (("base", base), ("instruct version", instruct)):
        if other is None:
            continue
        own = sha256_of(folder / "tokenizer.json", _MAX_TOKENIZER)
        if own is not None and own == sha256_of(other.resolve() / "tokenizer.json", _MAX_TOKENIZER):
            yield f"the tokenizer is the {name}'s, byte for byte"
        mine, theirs = _read_json(folder / "config.json"), _read_json(other / "config.json")
        different = [field for field in _SHAPE_FIELDS if mine.get(field) != theirs.get(field)]
        if mine and theirs:
            said = f"differs in {', '.join(different)}" if different else "agrees"
            yield f"the configuration's sizes: {said} with the {name}'s"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path.resolve()) as stream:
            found = json.loads(stream.read(_MAX_JSON))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

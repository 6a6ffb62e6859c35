"""How far weights lie from those of two other models, tensor by tensor, in bounded memory.

Read straight from safetensors files in pieces, without torch: at most `MAX_ELEMENTS` elements of a
tensor and `MAX_BYTES` of all, which is enough for a distance. For a tensor W of the submission,
B of the base and I of another model: |W - B|, |W - I|, |I - B|, and how far W went from B towards
I, <W - B, I - B> / |I - B|^2: 0 for a fine-tune of B (a change of its own is at right angles to
another's in so many dimensions), 1 for a fine-tune of I (task vectors, Ilharco et al. 2023).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.audit.weights.safetensors_file import TensorInfo, read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ELEMENTS = 8 << 20
MAX_BYTES = 6 << 30
_PIECE = 1 << 20
_BLOCK = 384
_MAX_FILES = 200
_KINDS = {"F32": ("<f4", 4), "F16": ("<f2", 2), "BF16": ("<u2", 2), "F64": ("<f8", 8)}
PREFIXES = re.compile(r"^(?:base_model\.model\.|module\.|language_model\.|model\.|transformer\.)+")


@dataclass(frozen=True)
class Stored:
    """One tensor in one file."""

    path: Path
    info: TensorInfo


@dataclass(frozen=True)
class TensorDistance:
    """Of one tensor of the submission. Norms are over the elements that were read; `other` and
    `towards` are None without the other model's tensor. `cosine` is between W and B. `low_rank`
    is the share of its block's rank that holds 95 % of the change's energy (1 when there is no
    change to look at, or the tensor is no matrix)."""

    name: str
    elements: int
    base: float
    change: float
    cosine: float
    other: float | None
    apart: float | None
    towards: float | None
    low_rank: float


@dataclass(frozen=True)
class Comparison:
    """All tensors that the models share, and how many of the base's the submission lacks or has
    in another shape."""

    tensors: tuple[TensorDistance, ...]
    missing: int
    reshaped: int
    base_count: int


def tensors_of(folder: Path) -> dict[str, Stored]:
    """The tensors of a model's safetensors files, by name without prefixes.

    Raises MalformedWeightsError or OSError.
    """
    files = sorted(folder.glob("*.safetensors"))[:_MAX_FILES]
    return tensors_in(path for path in files if not path.name.startswith("adapter_"))


def tensors_in(files: Iterable[Path]) -> dict[str, Stored]:
    """As `tensors_of`, of single files, whatever they are called."""
    found: dict[str, Stored] = {}
    for path in files:
        for info in read_header(path):
            found[PREFIXES.sub("", info.name)] = Stored(path, info)
    return found


def compare(
    submission: dict[str, Stored], base: dict[str, Stored], other: dict[str, Stored] | None
) -> Comparison:
    """Raises OSError when a file cannot be read."""
    found: list[TensorDistance] = []
    missing = reshaped = 0
    left = MAX_BYTES
    for name, theirs in base.items():
        own = submission.get(name)
        if own is None:
            missing += name not in ("lm_head.weight", "embed_tokens.weight")
            continue
        if own.info.shape != theirs.info.shape:
            reshaped += 1
            continue
        if own.info.dtype not in _KINDS or theirs.info.dtype not in _KINDS:
            continue
        third = other.get(name) if other else None
        usable = third is not None and third.info.shape == own.info.shape
        left -= 4 * min(_size(own.info), MAX_ELEMENTS)
        if left < 0:
            break
        found.append(_distance(name, own, theirs, third if usable else None))
    return Comparison(tuple(found), missing, reshaped, len(base))


def _distance(name: str, own: Stored, base: Stored, other: Stored | None) -> TensorDistance:
    import numpy

    sums = numpy.zeros(6)
    count = 0
    pieces = [_pieces(own), _pieces(base)] + ([_pieces(other)] if other else [])
    low_rank = 1.0
    for number, arrays in enumerate(zip(*pieces, strict=True)):
        w, b = arrays[0], arrays[1]
        change = w - b
        if number == 0 and len(own.info.shape) == 2:
            low_rank = _low_rank(change, own.info.shape[1])
        sums[0] += float(b @ b)
        sums[1] += float(change @ change)
        sums[2] += float(w @ b)
        sums[3] += float(w @ w)
        if other:
            apart = arrays[2] - b
            sums[4] += float(apart @ apart)
            sums[5] += float(change @ apart)
        count += len(w)
    base2, change2, product, own2, apart2, along = (float(value) for value in sums)
    lengths = (base2 * own2) ** 0.5
    # |W - I|^2 = |W - B|^2 - 2 <W - B, I - B> + |I - B|^2
    other2 = max(0.0, change2 - 2 * along + apart2)
    return TensorDistance(
        name=name,
        elements=count,
        base=base2**0.5,
        change=change2**0.5,
        cosine=product / lengths if lengths else 1.0,
        other=other2**0.5 if other else None,
        apart=apart2**0.5 if other else None,
        towards=along / apart2 if other and apart2 else None,
        low_rank=low_rank,
    )


def _low_rank(change: NDArray[Any], width: int) -> float:
    """From the first rows: a product of thin matrices stays thin in any block of it."""
    import numpy

    rows = min(len(change) // width, _BLOCK)
    columns = min(width, _BLOCK)
    if rows < 32 or columns < 32:
        return 1.0
    block = change[: rows * width].reshape(rows, width)[:, :columns]
    if not numpy.isfinite(block).all() or not block.any():
        return 1.0
    energy = numpy.cumsum(numpy.linalg.svd(block, compute_uv=False) ** 2)
    needed = int(numpy.searchsorted(energy, 0.95 * energy[-1])) + 1
    return needed / min(rows, columns)


def _pieces(stored: Stored) -> Iterator[NDArray[Any]]:
    """The tensor's first elements as float32, a piece at a time; what is not finite is zero."""
    import numpy

    kind, width = _KINDS[stored.info.dtype]
    left = min(_size(stored.info), MAX_ELEMENTS)
    with open_regular(stored.path) as stream:
        stream.seek(stored.info.start)
        while left:
            count = min(left, _PIECE)
            raw = stream.read(count * width)
            if len(raw) != count * width:
                raise OSError("the file became shorter while it was read")
            values = numpy.frombuffer(raw, dtype=kind)
            if stored.info.dtype == "BF16":
                values = (values.astype(numpy.uint32) << 16).view(numpy.float32)
            with numpy.errstate(all="ignore"):
                values = values.astype(numpy.float32)
            yield numpy.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
            left -= count


def _size(info: TensorInfo) -> int:
    size = 1
    for length in info.shape:
        size *= length
    return size

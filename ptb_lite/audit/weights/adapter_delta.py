"""Whether an adapter carries the difference of two models: an instruct version as a LoRA."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.audit.weights.distance import Stored, tensors_of
from ptb_lite.audit.weights.safetensors_file import read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODULES = 8
_ROWS = 256
_MANY, _SURE_RANK = 4, 8
_FEWEST_DIRECTIONS = 2  # of fewer, chance alone brings a cosine near 1
_WEIGHTS = "adapter_model.safetensors"
_WHOLE = re.compile(r"^(?:base_model\.model\.)?(?:model\.)?(?P<name>.+?)"
                    r"(?:\.modules_to_save(?:\.\w+)?|\.base_layer)?\.weight$")  # fmt: skip
_FACTOR = re.compile(r"^(?:base_model\.model\.)?(?:model\.)?(?P<module>.+)\.lora_(?P<part>[AB])"
                     r"(?:\.\w+)?\.weight$")  # fmt: skip


def towards_other(folder: Path, base: Path, other: Path) -> float | None:
    """The median cosine between the adapter's change B @ A and the difference of the two models,
    over up to `MODULES` modules and `_ROWS` rows of each; None when none can be compared.

    Near 0 for training of any kind; what an SVD of the difference keeps is far above (the best
    approximation of rank r has a cosine of the root of the energy that it holds; Eckart and Young
    1936). Raises MalformedWeightsError or OSError.
    """
    import numpy

    factors = _factors(folder)
    bases, others = tensors_of(base), tensors_of(other)
    whole = [name for name, parts in factors.items() if {"A", "B"} <= set(parts)]
    step = max(1, len(whole) // MODULES)
    cosines: list[float] = []
    for name in whole[::step][:MODULES]:
        own, theirs = bases.get(f"{name}.weight"), others.get(f"{name}.weight")
        if own is None or theirs is None or own.info.shape != theirs.info.shape:
            continue
        a, b = _matrix(factors[name]["A"]), _matrix(factors[name]["B"], _ROWS)
        difference = _matrix(theirs, _ROWS) - _matrix(own, _ROWS)
        change = b @ a
        lengths = float(numpy.linalg.norm(change) * numpy.linalg.norm(difference))
        if change.shape == difference.shape and lengths > 0:
            cosines.append(float((change * difference).sum()) / lengths)
    return median(cosines) if cosines else None


def taken_from_other(folder: Path, base: Path, other: Path) -> float | None:
    """The cosine between the adapter's change and the difference of the two models within the
    adapter's own directions (the column space of B, the row space of A), over up to `MODULES`
    modules: their upper quartile, since a part of the modules may be trained, and the median where
    the rank is so small that chance is large (about 1/rank); None when none can be compared.

    What an SVD of the difference keeps is the difference there, whatever its rank, its share of
    the energy, or a factor before it: the cosine is 1. Training of the base finds directions of
    its own, in which the difference has nothing particular. Raises MalformedWeightsError or
    OSError.
    """
    import numpy

    factors = _factors(folder)
    bases, others = tensors_of(base), tensors_of(other)
    whole = [name for name, parts in factors.items() if {"A", "B"} <= set(parts)]
    step = max(1, len(whole) // MODULES)
    cosines: list[float] = []
    least_rank = 1 << 30
    for name in whole[::step][:MODULES]:
        own, theirs = bases.get(f"{name}.weight"), others.get(f"{name}.weight")
        if own is None or theirs is None or own.info.shape != theirs.info.shape:
            continue
        a, b = _matrix(factors[name]["A"]), _matrix(factors[name]["B"])
        least_rank = min(least_rank, a.shape[0])
        if (b.shape[0], a.shape[1]) != tuple(own.info.shape) or a.shape[0] < _FEWEST_DIRECTIONS:
            continue
        columns, upper = numpy.linalg.qr(b)
        rows, lower = numpy.linalg.qr(a.T)
        change = upper @ lower.T
        difference = columns.T @ (_matrix(theirs) - _matrix(own)) @ rows
        lengths = float(numpy.linalg.norm(change) * numpy.linalg.norm(difference))
        if lengths > 0:
            cosines.append(float((change * difference).sum()) / lengths)
    if len(cosines) >= _MANY and least_rank >= _SURE_RANK:
        return quantiles(cosines, n=4)[-1]
    return median(cosines) if cosines else None


def saved_towards_other(folder: Path, base: Path, other: Path) -> float | None:
    """How far whole matrices in an adapter (`modules_to_save`) go from the base towards the other
    model: the most of them, 1 being all the way; None where there are none to compare. Raises
    MalformedWeightsError, OSError or ValueError.
    """
    import numpy

    bases, others = tensors_of(base), tensors_of(other)
    path = folder / _WEIGHTS
    most: float | None = None
    for info in read_header(path):
        match = _WHOLE.match(info.name)
        own = bases.get(match["name"] + ".weight") if match and ".lora_" not in info.name else None
        theirs = others.get(match["name"] + ".weight") if match else None
        if own is None or theirs is None or own.info.shape != theirs.info.shape:
            continue
        if len(info.shape) != 2 or tuple(info.shape) != tuple(own.info.shape):
            continue
        start = _matrix(own, _ROWS)
        change = _matrix(Stored(path, info), _ROWS) - start
        difference = _matrix(theirs, _ROWS) - start
        length = float((difference * difference).sum())
        if length > 0 and numpy.any(change):
            most = max(most or 0.0, float((change * difference).sum()) / length)
    return most


def _factors(folder: Path) -> dict[str, dict[str, Stored]]:
    found: dict[str, dict[str, Stored]] = {}
    path = folder / _WEIGHTS
    for info in read_header(path):
        match = _FACTOR.match(info.name)
        if match and len(info.shape) == 2:
            found.setdefault(match["module"], {})[match["part"]] = Stored(path, info)
    return found


def _matrix(stored: Stored, rows: int | None = None) -> NDArray[Any]:
    """The first rows of a matrix as float32. Raises ValueError for one of another kind."""
    import numpy

    kinds = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
    kind = kinds.get(stored.info.dtype)
    if kind is None or len(stored.info.shape) != 2:
        raise ValueError(f"{stored.info.name} is no matrix of a known kind")
    height, width = stored.info.shape
    count = min(height, rows or height)
    with open_regular(stored.path) as stream:
        stream.seek(stored.info.start)
        raw = stream.read(count * width * numpy.dtype(kind).itemsize)
    values = numpy.frombuffer(raw, dtype=kind)
    if stored.info.dtype == "BF16":
        values = (values.astype(numpy.uint32) << 16).view(numpy.float32)
    return numpy.nan_to_num(values.astype(numpy.float32)).reshape(count, width)

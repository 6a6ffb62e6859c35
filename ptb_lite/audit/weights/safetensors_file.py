"""Reads safetensors files that nobody vouches for: header and finiteness, in bounded memory.

The format: 8 bytes little-endian length, a JSON header of that length, then the tensors' bytes
(https://huggingface.co/docs/safetensors, "Format"). The rules below are those of the reference
reader, so that what passes here is what it will load.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ptb_lite.audit.evidence.folder import open_regular

MAX_HEADER_BYTES = 100_000_000
_CHUNK = 8 << 20
_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8,
    "F8_E4M3": 1, "F8_E5M2": 1, "F16": 2, "BF16": 2, "F32": 4, "F64": 8,
}  # fmt: skip
# Per dtype: the unsigned integer to view it as and the exponent bits, which are all set in an
# infinity or NaN. F8_E4M3 has no infinity; its NaN alone sets all seven bits.
_EXPONENT = {
    "F8_E4M3": ("u1", 0x7F),
    "F8_E5M2": ("u1", 0x7C),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
    "F32": ("<u4", 0x7F800000),
    "F64": ("<u8", 0x7FF0000000000000),
}


class MalformedWeightsError(ValueError):
    """The file is not a safetensors file that the reference reader would accept."""


@dataclass(frozen=True)
class TensorInfo:
    """One tensor. `start` and `end` are byte offsets in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def read_header(path: Path) -> tuple[TensorInfo, ...]:
    """The tensors of a file, in the order of their bytes.

    Raises MalformedWeightsError with the rule that is broken, OSError when it cannot be read.
    """
    with open_regular(path) as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise MalformedWeightsError("the header is longer than the file or than 100 MB")
        header = _parse(stream.read(length))
    tensors = sorted(_tensors(header, 8 + length), key=lambda tensor: (tensor.start, tensor.end))
    position = 8 + length
    for tensor in tensors:
        if tensor.start != position:
            raise MalformedWeightsError(f"the bytes of {tensor.name!r} overlap or leave a hole")
        position = tensor.end
    if position != size:
        raise MalformedWeightsError("the tensors end before or after the file does")
    return tuple(tensors)


def looks_like_weights(path: Path) -> bool:
    """Whether a file is safetensors by its whole header, or begins as GGUF does."""
    try:
        with open_regular(path) as stream:
            if stream.read(4) == b"GGUF":
                return True
        return bool(read_header(path))
    except (MalformedWeightsError, OSError):
        return False


def first_non_finite(path: Path, tensors: tuple[TensorInfo, ...]) -> str | None:
    """The name of the first tensor that holds an infinity or NaN. Reads the file once."""
    import numpy

    with open_regular(path) as stream:
        for tensor in tensors:
            if tensor.dtype not in _EXPONENT:
                continue
            kind, exponent = _EXPONENT[tensor.dtype]
            for chunk in _chunks(stream, tensor):
                values = numpy.frombuffer(chunk, dtype=kind)
                bits = values.dtype.type(exponent)
                if bool(((values & bits) == bits).any()):
                    return tensor.name
    return None


def _chunks(stream: BinaryIO, tensor: TensorInfo) -> Iterator[bytes]:
    stream.seek(tensor.start)
    left = tensor.end - tensor.start
    while left > 0:
        chunk = stream.read(min(_CHUNK, left))
        if not chunk:
            raise OSError("the file became shorter while it was read")
        left -= len(chunk)
        yield chunk


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedWeightsError("the header is not JSON") from error
    if not isinstance(header, dict):
        raise MalformedWeightsError("the header is not a JSON object")
    header.pop("__metadata__", None)
    return header


def _tensors(header: dict[str, Any], data: int) -> Iterator[TensorInfo]:
    for name, entry in header.items():
        match entry:
            case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [start, end]}:
                numbers = (*shape, start, end)
            case _:
                raise MalformedWeightsError(f"the entry of {name!r} is not a tensor's")
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise MalformedWeightsError(f"a shape or offset of {name!r} is not a whole number")
        if dtype not in _ITEM_BYTES:
            raise MalformedWeightsError(f"{name!r} has the unknown dtype {dtype!r}")
        if end - start != math.prod(shape) * _ITEM_BYTES[dtype]:
            raise MalformedWeightsError(f"{name!r} has another size than its shape says")
        yield TensorInfo(name, dtype, tuple(shape), data + start, data + end)

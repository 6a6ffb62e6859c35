"""Plain values as lines of JSON, exactly: tuples stay tuples, sets sets, 1.0 a float.

What is not plain data arrives as `Opaque`, which equals nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

MAX_LINE = 32 << 20
MAX_ITERATED = 100_000


class Opaque:
    """Stands for an object that is not plain data."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True


def send(stream: BinaryIO, value: object) -> None:
    """Write one value. Raises OSError when the other side is gone."""
    write(stream, encode(value))


def write(stream: BinaryIO, encoded: list[Any]) -> None:
    """Write one value that is encoded already. Raises OSError when the other side is gone."""
    stream.write(json.dumps(encoded).encode("ascii") + b"\n")
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one value. Raises EOFError at the end, ValueError for what is no value."""
    line = stream.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        raise EOFError
    try:
        return decode(json.loads(line))
    except (TypeError, KeyError, IndexError, RecursionError) as error:
        raise ValueError("not a value") from error


def encode(value: object) -> list[Any]:
    """A value as tagged JSON. Raises RecursionError for what contains itself."""
    match value:
        case None | bool():
            return ["v", value]
        case int():
            return ["v", int(value)]
        case float():
            return ["f", float(value).hex()]
        case complex():
            return ["c", value.real.hex(), value.imag.hex()]
        case str():
            return ["v", "".join(value)]
        case bytes() | bytearray():
            return ["b", bytes(value).hex()]
        case range():
            return ["r", value.start, value.stop, value.step]
        case dict():
            return ["d", [[encode(key), encode(inner)] for key, inner in value.items()]]
        case list() | tuple() | set() | frozenset():
            tags: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
            tag = next(tag for kind, tag in tags.items() if isinstance(value, kind))
            return [tag, [encode(inner) for inner in value]]
        case Iterator():
            return ["i", [encode(inner) for inner in islice(value, MAX_ITERATED)]]
        case _:
            return _exact_number(value) or ["o"]


def decode(data: Any) -> Any:
    """The value of `encode`. Raises ValueError, TypeError, KeyError or IndexError for others."""
    tag = data[0]
    match tag:
        case "v":
            if data[1] is None or isinstance(data[1], bool | int | str):
                return data[1]
            raise ValueError("not a plain value")
        case "f":
            return float.fromhex(data[1])
        case "c":
            return complex(float.fromhex(data[1]), float.fromhex(data[2]))
        case "b":
            return bytes.fromhex(data[1])
        case "r":
            return range(*data[1:4])
        case "d":
            return {decode(key): decode(inner) for key, inner in data[1]}
        case "i":
            return iter([decode(inner) for inner in data[1]])
        case "q":
            return _number(data[1], data[2])
        case "o":
            return Opaque()
    makers: dict[str, Any] = {"l": list, "t": tuple, "s": set, "z": frozenset}
    return makers[tag]([decode(inner) for inner in data[1]])


def _exact_number(value: object) -> list[Any] | None:
    from decimal import Decimal
    from fractions import Fraction

    if isinstance(value, Decimal | Fraction):
        return ["q", "Decimal" if isinstance(value, Decimal) else "Fraction", str(value)]
    return None


def _number(kind: str, text: str) -> Any:
    from decimal import Decimal
    from fractions import Fraction

    return Decimal(text) if kind == "Decimal" else Fraction(text)

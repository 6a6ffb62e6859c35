"""The results of pure functions on constants: what disguises a text in a program undoes itself.

Only total functions on bounded inputs stand here: nothing is read, imported or run.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import urllib.parse
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from ptb_lite.audit.code.values import MAX_ELEMENTS, MAX_TEXT, MAX_WEIGHT, weight

_TEXT_METHODS = {
    "lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "swapcase", "replace",
    "join", "split", "rsplit", "splitlines", "format", "encode", "decode", "removeprefix",
    "removesuffix", "casefold", "translate", "hex", "zfill", "partition", "rpartition",
}  # fmt: skip
_DICTIONARY_METHODS = {"get", "keys", "values", "items"}
_CODECS = {
    "rot13",
    "rot_13",
    "hex",
    "hex_codec",
    "base64",
    "base64_codec",
    "utf-8",
    "utf8",
    "ascii",
}


def _decode(value: Any, encoding: str = "utf-8") -> Any:
    if encoding.lower() not in _CODECS:
        raise ValueError(encoding)
    return codecs.decode(value, encoding)


def _encode(value: Any, encoding: str = "utf-8") -> Any:
    if encoding.lower() not in _CODECS:
        raise ValueError(encoding)
    return codecs.encode(value, encoding)


def _decompress(value: bytes) -> bytes:
    return zlib.decompressobj(47).decompress(value, MAX_TEXT)


def _range(*bounds: int) -> list[int]:
    found = range(*bounds)
    if len(found) > MAX_ELEMENTS:
        raise ValueError("too long")
    return list(found)


def _join_path(*parts: Any) -> str:
    return "/".join(str(part).rstrip("/") for part in parts)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "chr": chr, "ord": ord, "str": str, "int": int, "bytes": bytes, "bytearray": bytes,
    "list": list, "tuple": list, "sorted": sorted, "len": len, "range": _range, "dict": dict,
    "reversed": lambda value: list(value)[::-1], "enumerate": lambda v: list(enumerate(v)),
    "zip": lambda *values: [*map(list, zip(*values, strict=False))],
    "bytes.fromhex": bytes.fromhex, "bytearray.fromhex": bytes.fromhex,
    "str.join": lambda glue, parts: call_method(glue, "join", [parts], {}),
    "base64.b64decode": lambda value, *_rest: base64.b64decode(value),
    "base64.standard_b64decode": base64.b64decode, "base64.decodebytes": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.b32decode": base64.b32decode, "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode, "base64.a85decode": base64.a85decode,
    "binascii.unhexlify": binascii.unhexlify, "binascii.a2b_hex": binascii.unhexlify,
    "binascii.a2b_base64": binascii.a2b_base64,
    "codecs.decode": _decode, "codecs.encode": _encode,
    "zlib.decompress": _decompress, "gzip.decompress": _decompress,
    "urllib.parse.unquote": urllib.parse.unquote, "urllib.parse.urljoin": urllib.parse.urljoin,
    "str.maketrans": str.maketrans,
    "os.path.join": _join_path, "os.path.expanduser": str, "posixpath.join": _join_path,
}  # fmt: skip


def call_function(name: str, args: list[Any], keywords: Mapping[str, Any]) -> Any:
    """The result on constants. Raises any error that the function does, KeyError for others."""
    function = FUNCTIONS[name]
    _refuse_weight(args, keywords)
    if name in ("bytes", "bytearray") and args and isinstance(args[0], int):
        raise ValueError("a number of zeros")
    return bounded(function(*args, **keywords))


def call_method(owner: Any, method: str, args: list[Any], keywords: Mapping[str, Any]) -> Any:
    """The result of a method of a constant. Raises any error that it does, KeyError for others."""
    _refuse_weight([owner, *args], keywords)
    match owner:
        case str() | bytes() if method in _TEXT_METHODS:
            if method in ("encode", "decode") and args and str(args[0]).lower() not in _CODECS:
                raise KeyError(method)
            if method in ("format", "zfill"):
                _refuse_width(owner, args)
            if _length(owner, method, args, keywords) > MAX_TEXT:
                raise ValueError("too long")
            return bounded(getattr(owner, method)(*args, **keywords))
        case dict() if method in _DICTIONARY_METHODS:
            result = getattr(owner, method)(*args)
            return result if method == "get" else list(result)
        case list() if method in ("copy",):
            return list(owner)
        case _:
            raise KeyError(method)


def _refuse_width(owner: Any, args: list[Any]) -> None:
    """`"{:999999999}".format(1)` would fill the memory."""
    text = owner if isinstance(owner, str) else ""
    if ":" in text or any(isinstance(arg, int) and arg > 1000 for arg in args):
        raise ValueError("a width")


def _refuse_weight(values: list[Any], keywords: Mapping[str, Any]) -> None:
    if weight(values, keywords) > MAX_WEIGHT or any(_size(value) > MAX_TEXT for value in values):
        raise ValueError("too long")


def _length(owner: Any, method: str, args: list[Any], keywords: Mapping[str, Any]) -> int:
    """At most how long a text becomes by a method; told before it is made."""
    match method, args:
        case "join", [parts]:
            return len(owner) * len(parts) + sum(map(_size, parts))
        case "translate", [dict() as table]:
            return len(owner) * max(1, *map(_size, table.values())) if table else len(owner)
        case "replace", [old, new, *_]:
            found: int = owner.count(old)
            return len(owner) + found * _size(new)
        case "format", _:
            braces = owner.count("{") if isinstance(owner, str) else 0
            return len(owner) + braces * weight(args, dict(keywords))
        case _:
            return 0


def bounded(value: Any) -> Any:
    if _size(value) > MAX_TEXT:
        raise ValueError("too long")
    if isinstance(value, bytearray):
        return bytes(value)
    return list(value) if isinstance(value, tuple) else value


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, bytes, list, dict, tuple)) else 0

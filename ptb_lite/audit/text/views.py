"""Texts inside of texts: what is encoded in a file comes out again to be searched.

Numbers written as words, base64, base32, base85, hexadecimal, lists of character codes,
quoted-printable, HTML and URL escapes; also around zlib, gzip, bzip2 or xz data, and up to two
layers deep. What a decoder gives back counts only when it is text. Bounded in time and memory:
patterns are linear, unpacked data is cut.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import html
import lzma
import quopri
import re
import urllib.parse
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MAX_UNPACKED = 8 << 20
MAX_RUNS = 20_000
_DEPTH = 2
_MIN_TEXT = 12
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}(?:(?:\\?\r?\n|\\n)[A-Za-z0-9+/_-]{16,})*={0,2}")
_HEX = re.compile(rb"(?:(?:\\x|0x|%)?[0-9a-fA-F]{2}[\s,:]?){16,}")
_CODES = re.compile(rb"(?:\b\d{2,3}\b[\s,;]{1,3}){16,}\d{2,3}")
_NOT_ALPHABET = re.compile(rb"\\?\s|\\n")
_TAG = re.compile(rb"<[^<>]{0,200}>")
_PERCENT = re.compile(rb"(?:%[0-9a-fA-F]{2})")
_SHAPE = bytes(
    65 if (chr(code).isalnum() and code < 128) or code in b"+/_-" else 32 for code in range(256)
)
_SIXTEEN, _THIRTY, _FIFTY = b"A" * 16, b"A" * 30, b"A" * 50
_SHAPE_CODES = bytes(65 if chr(code).isspace() or code in b"0123456789,;" else 32
                     for code in range(128)) + b" " * 128  # fmt: skip
_IN_32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_IN_85 = frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
)
_SHAPE_32 = bytes(65 if code in _IN_32 else 32 for code in range(256))
_SHAPE_85 = bytes(65 if code in _IN_85 else 32 for code in range(256))
_BASE32 = re.compile(rb"(?<![A-Z2-7])[A-Z2-7]{30,}")
_BASE85 = re.compile(
    rb"(?<![0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~])[0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~]{30,}"
)
_XZ = b"\xfd7zXZ\x00"
_DIGITS = bytes(48 if 48 <= code <= 57 else code for code in range(256))
_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = {word: n for n, word in enumerate(_UNITS)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_ONE_OF = "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_SPELLED = re.compile(rf"\b(?=[efnostz])(?:{_ONE_OF})(?:[ -]+(?:{_ONE_OF}))*\b".encode())
_LETTERS = re.compile(rb"[a-z]+")
_OFTEN = (b" seven ", b" eight ", b" nine ", b" six ")
_PRINTABLE = frozenset(range(32, 127)) | {9, 10, 13}
_NOT_PRINTABLE = bytes(code for code in range(256) if code not in _PRINTABLE and code < 128)


@dataclass(frozen=True)
class Hidden:
    """Decoded texts, one after the other in `text`, and where in the file each was found."""

    text: bytes
    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def offset_of(self, position: int) -> int:
        """The place in the file of what stands at `position` of `text`."""
        return self.offsets[max(0, bisect_right(self.starts, position) - 1)]


def hidden_texts(raw: bytes) -> Hidden | None:
    """Everything that is encoded in a piece of a file, or None."""
    if len(raw) < _MIN_TEXT:
        return None
    found = [pair for pair in _decoded(raw, 0) if len(pair[1]) >= _MIN_TEXT]
    if not found:
        return None
    starts, offsets, parts, position = [], [], [], 0
    for offset, text in found:
        starts.append(position)
        offsets.append(offset)
        parts.append(text)
        position += len(text) + 1
    return Hidden(b"\n".join(parts), tuple(starts), tuple(offsets))


def _decoded(raw: bytes, depth: int) -> Iterator[tuple[int, bytes]]:
    if depth > _DEPTH:
        return
    unpacked = 0
    for offset, text in _runs(raw):
        unpacked += len(text)
        if unpacked > MAX_UNPACKED:
            return
        yield offset, text
        if len(text) < 1 << 20:
            yield from ((offset, inner) for _at, inner in _decoded(text, depth + 1))


def _runs(raw: bytes) -> Iterator[tuple[int, bytes]]:
    for number, match in enumerate(_runs_of(_BASE64, _SIXTEEN, _SHAPE, raw)):
        if number > MAX_RUNS:
            break
        text = _from_base64(match[0])
        if text is not None:
            yield match.start(), text
    if raw.count(b"0x") > 15 or raw.count(b"\\x") > 15:
        for match in _HEX.finditer(raw):
            text = _from_hex(match[0])
            if text is not None:
                yield match.start(), text
    if _has_codes(raw):
        for match in _CODES.finditer(raw):
            text = _from_codes(match[0])
            if text is not None:
                yield match.start(), text
    yield from _rarer(raw)
    if b"\x00" in raw[:8192]:
        return  # the rest are ways to write a text, not to pack one
    if raw.count(b"&#") > 4 or raw.count(b"&quot;") > 4:
        yield from _by_line(raw, _without_markup)
    if b"=20" in raw and raw.count(b"=20") + raw.count(b"=\n") > 4:
        yield 0, quopri.decodestring(raw)
    if len(_PERCENT.findall(raw[: 1 << 16])) > 8:
        yield from _by_line(raw, urllib.parse.unquote_to_bytes)
    if sum(raw.count(word) for word in _OFTEN) > 3:
        yield from _by_line(raw, _with_digits)


def _rarer(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Base32 and base85."""
    for match in _runs_of(_BASE32, _THIRTY, _SHAPE_32, raw):
        data = match[0][: len(match[0]) // 8 * 8]
        text = as_text(base64.b32decode(data))
        if text is not None:
            yield match.start(), text
    for number, match in enumerate(_runs_of(_BASE85, _THIRTY, _SHAPE_85, raw)):
        if number > MAX_RUNS:
            return
        data = match[0][: len(match[0]) // 5 * 5]
        try:
            start = base64.b85decode(data[:80])
            if _is_text(start) or _is_packed(start):
                text = as_text(base64.b85decode(data))
                if text is not None:
                    yield match.start(), text
        except ValueError:
            continue


def _runs_of(
    pattern: re.Pattern[bytes], least: bytes, shape: bytes, raw: bytes
) -> Iterator[re.Match[bytes]]:
    """`pattern.finditer(raw)`, where all of its matches begin with a run that `shape` turns into
    `least`: to find such a run first is many times faster than to try the pattern everywhere."""
    shaped, at = raw.translate(shape), 0
    while (at := shaped.find(least, at)) >= 0:
        match = pattern.match(raw, at)
        if match is not None:
            yield match
        at = match.end() if match is not None else at + 1


def _by_line(raw: bytes, change: Callable[[bytes], bytes]) -> Iterator[tuple[int, bytes]]:
    """Every line changed, so that each keeps its place."""
    at = 0
    for line in raw.split(b"\n"):
        yield at, change(line)
        at += len(line) + 1


def _without_markup(line: bytes) -> bytes:
    return html.unescape(_TAG.sub(b" ", line).decode("utf-8", "replace")).encode("utf-8", "replace")


def _with_digits(line: bytes) -> bytes:
    """Numbers that are written as words, also digit by digit, as digits."""
    return _SPELLED.sub(_digits, line.lower())


def _digits(match: re.Match[bytes]) -> bytes:
    values = [NUMBER_WORDS[word.decode()] for word in _LETTERS.findall(match[0])]
    return spelled_number(values).encode()


def spelled_number(values: Sequence[int]) -> str:
    """The words "forty", "two" are 42; "one", "two" are 12, digit by digit."""
    if len(values) == 2 and values[0] >= 20 and 0 < values[1] < 10:
        return str(sum(values))
    return "".join(map(str, values))


def has_run(raw: bytes) -> bool:
    """Whether sixteen characters of the alphabet stand in a row: cheaper than the pattern."""
    return _SIXTEEN in raw.translate(_SHAPE)


def _has_codes(raw: bytes) -> bool:
    if _FIFTY not in raw.translate(_SHAPE_CODES):
        return False  # sixteen codes with what stands between them are no shorter
    shape = raw.translate(_DIGITS)
    return any(shape.count(pair) > 7 for pair in (b"00, 00", b"00,00", b"00 00", b"00,\n"))


def _from_base64(run: bytes) -> bytes | None:
    packed = _NOT_ALPHABET.sub(b"", run).rstrip(b"=")
    if _is_hex(packed):
        return _from_hex(packed)
    packed = packed.replace(b"-", b"+").replace(b"_", b"/")
    try:
        start = base64.b64decode(packed[: min(64, len(packed) // 4 * 4)])
    except binascii.Error:
        return None
    if not _is_text(start) and not _is_packed(start):
        return None
    packed = packed[: len(packed) // 4 * 4 + (len(packed) % 4 if len(packed) % 4 > 1 else 0)]
    try:
        return as_text(base64.b64decode(packed + b"=" * (-len(packed) % 4)))
    except binascii.Error:
        return None


def _from_hex(run: bytes) -> bytes | None:
    digits = re.sub(rb"\\x|0x|%|[\s,:]", b"", run)
    try:
        return as_text(binascii.unhexlify(digits[: len(digits) // 2 * 2]))
    except binascii.Error:
        return None


def _from_codes(run: bytes) -> bytes | None:
    codes = [int(part) for part in re.findall(rb"\d+", run)]
    if any(code > 255 for code in codes):
        return None
    return as_text(bytes(codes))


def as_text(data: bytes) -> bytes | None:
    """The data when it is text, or the text that is packed in it."""
    if _is_packed(data[:6]):
        data = _unpack(data) or data
    return data if _is_text(data[:4096]) else None


def _unpack(data: bytes) -> bytes | None:
    try:
        if data.startswith(_XZ):
            return lzma.LZMADecompressor().decompress(data, MAX_UNPACKED)
        if data.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(data, MAX_UNPACKED)
        return zlib.decompressobj(47).decompress(data, MAX_UNPACKED)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError):
        return None


def _is_packed(start: bytes) -> bool:
    zlib_header = start[:1] == b"\x78" and start[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda")
    return zlib_header or start.startswith((b"\x1f\x8b", b"BZh", _XZ))


def _is_text(data: bytes) -> bool:
    """Almost no control characters, and valid UTF-8 but for a cut end."""
    if not data or len(data.translate(None, _NOT_PRINTABLE)) < 0.98 * len(data):
        return False
    try:
        data[:-3].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 6
    letters = sum(byte in b" etaoinETAOIN0123456789+-*/=" for byte in data[:512])
    encoded = b" " not in data and not data.translate(_SHAPE).replace(b"A", b"").strip()
    return encoded or letters >= 0.25 * min(512, len(data)) or not data[:64].isascii()


def _is_hex(data: bytes) -> bool:
    return len(data) % 2 == 0 and not data.translate(None, b"0123456789abcdefABCDEF")

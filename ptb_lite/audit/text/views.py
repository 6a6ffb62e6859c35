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
import lzma
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from ptb_lite.audit.text.hidden.rewritten import WAYS, Hidden, with_digits

MAX_UNPACKED = 8 << 20
MAX_RUNS = 20_000
_MAX_INNER = 2 << 20
_SMALL = 4096
_PIECE = 1 << 16  # what a core keeps at hand
_DEPTH = 2
_MIN_TEXT = 12
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}(?:(?:\\?\r?\n|\\n)[A-Za-z0-9+/_-]{16,})*={0,2}")
_HEX = re.compile(rb"(?:(?:\\x|0x|%)?[0-9a-fA-F]{2}[\s,:]?){16,}")
_CODES = re.compile(rb"(?:\b\d{2,3}\b[\s,;]{1,3}){16,}\d{2,3}")
_NOT_ALPHABET = re.compile(rb"\\?\s|\\n")
_IN_64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_IN_32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_IN_85 = frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
)
_IN_CODES = frozenset(b"0123456789,;") | {code for code in range(128) if chr(code).isspace()}
_IN_HEX = frozenset(b"0123456789abcdefABCDEF\\x%,: \t\n\r\x0b\x0c")
# Sixteen codes with what stands between them are no shorter than fifty.
_ALPHABETS = ((_IN_64, 16), (_IN_32, 30), (_IN_85, 30), (_IN_CODES, 50), (_IN_HEX, 32))
_CODES_RUN, _HEX_RUN = (
    re.compile(b"[%s]{%d,}" % (re.escape(bytes(sorted(alphabet))), least))
    for alphabet, least in _ALPHABETS[3:]
)
_BASE32 = re.compile(rb"(?<![A-Z2-7])[A-Z2-7]{30,}")
_BASE85 = re.compile(
    rb"(?<![0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~])[0-9A-Za-z!#$%&()*+\-;<=>?@^_`{|}~]{30,}"
)
_XZ = b"\xfd7zXZ\x00"
_DIGITS = bytes(48 if 48 <= code <= 57 else code for code in range(256))
_PRINTABLE = frozenset(range(32, 127)) | {9, 10, 13}
_NOT_PRINTABLE = bytes(code for code in range(256) if code not in _PRINTABLE and code < 128)


def hidden_texts(raw: bytes) -> Hidden | None:
    """Everything that is encoded in a piece of a file, or None."""
    if len(raw) < _MIN_TEXT:
        return None
    found = [part for part in _decoded(raw, 0, set()) if len(part.text) >= _MIN_TEXT]
    if not found:
        return None
    starts: list[int] = []
    position = 0
    for part in found:
        starts += (position + start for start in part.starts)
        position += len(part.text) + 1
    offsets = tuple(offset for part in found for offset in part.offsets)
    return Hidden(b"\n".join(part.text for part in found), tuple(starts), offsets)


def _decoded(raw: bytes, depth: int, seen: set[int], *, packed: bool = False) -> Iterator[Hidden]:
    """`seen` are hashes of the texts that were written another way: to undo two ways in either
    order gives the same text, which is searched once. `packed`: only what is packed."""
    if depth > _DEPTH:
        return
    unpacked = 0
    rewritten = () if packed or b"\x00" in raw[:8192] else WAYS
    for way in (_packed, *rewritten):
        for part in way(raw):
            unpacked += len(part.text)
            if unpacked > MAX_UNPACKED:
                return
            if way is not _packed:
                if (key := hash(part.text)) in seen:
                    continue
                seen.add(key)
            yield part
            if len(part.text) < _MAX_INNER:
                # Small letters with digits are written no other way.
                inside = _decoded(part.text, depth + 1, seen, packed=way is with_digits)
                for inner in inside:
                    offsets = tuple(map(part.offset_of, inner.offsets))
                    yield Hidden(inner.text, inner.starts, offsets)


def _packed(raw: bytes) -> Iterator[Hidden]:
    """Every run of an encoding's characters that is one, decoded."""
    of_64, of_32, of_85, codes, of_16 = starts = run_starts(raw, _ALPHABETS)
    if not any(starts):
        return
    decoded: tuple[tuple[Iterator[re.Match[bytes]], Callable[[bytes], bytes | None]], ...] = (
        (islice(_matches_at(_BASE64, of_64, raw), MAX_RUNS + 1), _from_base64),
        (_within(_HEX, _HEX_RUN, of_16, raw) if _has_hex(raw) else iter(()), _from_hex),
        (
            _within(_CODES, _CODES_RUN, codes, raw) if codes and _has_codes(raw) else iter(()),
            _from_codes,
        ),
        (_matches_at(_BASE32, of_32, raw), _from_base32),
        (islice(_matches_at(_BASE85, of_85, raw), MAX_RUNS + 1), _from_base85),
    )
    for matches, decode in decoded:
        for match in matches:
            text = decode(match[0])
            if text is not None:
                yield Hidden(text, (0,), (match.start(),))


def run_starts(raw: bytes, alphabets: tuple[tuple[frozenset[int], int], ...]) -> list[list[int]]:
    """For each alphabet of bytes (eight at the most) and a least length, where the runs of its
    bytes begin that are as long. One pass for all of them, many times faster than to try a pattern
    everywhere."""
    table, least_of_all, longest = _plan(alphabets)
    found: list[list[int]] = [[] for _ in alphabets]
    if len(raw) < _SMALL and not _any_run(raw.translate(table), least_of_all):
        return found
    import numpy

    for at in range(0, len(raw), _PIECE):
        first = max(0, at - 1)  # whether a run begins there is known by the byte before
        piece = raw[first : at + _PIECE + longest - 1].translate(table)
        runs, size = {1: numpy.frombuffer(piece, dtype=numpy.uint8)}, 1
        while 2 * size <= min(longest, len(piece)):
            runs[2 * size] = runs[size][:-size] & runs[size][size:]
            size *= 2
        shortest = max(size for size in runs if size <= least_of_all)
        present = int(numpy.bitwise_or.reduce(runs[shortest]))
        for number, (_, least) in enumerate(alphabets):
            if least > len(piece) or not present & (1 << number):
                continue
            half = max(size for size in runs if size <= least)
            long = runs[half][: len(piece) - least + 1] & runs[half][least - half :]
            inside = (long[: at + _PIECE - first] & (1 << number)) != 0
            inside[1:] &= ~inside[:-1]
            inside[0] &= at == 0
            found[number] += (numpy.flatnonzero(inside) + first).tolist()
    return found


def _any_run(piece: bytes, least: int) -> bool:
    """Whether a bit is set in so many bytes in a row: of a short text before numpy is asked, which
    takes its time for each of a hundred thousand small files."""
    bits, size = int.from_bytes(piece, "big"), 1
    while 2 * size <= least:
        bits &= bits >> (8 * size)
        size *= 2
    return bool(bits & (bits >> (8 * (least - size))))


@lru_cache(maxsize=4)
def _plan(alphabets: tuple[tuple[frozenset[int], int], ...]) -> tuple[bytes, int, int]:
    """For every byte, which of the alphabets have it; the least and the greatest length."""
    bits = bytes(
        sum(1 << n for n, (alphabet, _) in enumerate(alphabets) if code in alphabet)
        for code in range(256)
    )
    lengths = [least for _, least in alphabets]
    return bits, min(lengths), max(lengths)


def _matches_at(
    pattern: re.Pattern[bytes], starts: Sequence[int], raw: bytes
) -> Iterator[re.Match[bytes]]:
    """`pattern.finditer(raw)`, where all of its matches begin with one of `starts`."""
    end = 0
    for start in starts:
        if start >= end and (match := pattern.match(raw, start)) is not None:
            end = match.end()
            yield match


def has_run(raw: bytes) -> bool:
    """Whether sixteen characters of the alphabet stand in a row: cheaper than the pattern."""
    return bool(run_starts(raw, _ALPHABETS[:1])[0])


def _within(
    pattern: re.Pattern[bytes], run: re.Pattern[bytes], starts: Sequence[int], raw: bytes
) -> Iterator[re.Match[bytes]]:
    """`pattern.finditer(raw)`, where all of its matches lie in a `run`, which begins at a start."""
    for each in _matches_at(run, starts, raw):
        yield from pattern.finditer(raw, *each.span())


def _has_hex(raw: bytes) -> bool:
    return raw.count(b"x") > 15 and (raw.count(b"0x") > 15 or raw.count(b"\\x") > 15)


def _has_codes(raw: bytes) -> bool:
    shape = raw.translate(_DIGITS)
    return any(shape.count(pair) > 7 for pair in (b"00, 00", b"00,00", b"00 00", b"00,\n"))


def _from_base32(run: bytes) -> bytes | None:
    return as_text(base64.b32decode(run[: len(run) // 8 * 8]))


def _from_base85(run: bytes) -> bytes | None:
    data = run[: len(run) // 5 * 5]
    try:
        start = base64.b85decode(data[:80])
        return as_text(base64.b85decode(data)) if _is_text(start) or _is_packed(start) else None
    except ValueError:
        return None


def _from_base64(run: bytes) -> bytes | None:
    broken = b"\n" in run or b"\\" in run
    packed = (_NOT_ALPHABET.sub(b"", run) if broken else run).rstrip(b"=")
    if _is_hex(packed):
        return _from_hex(packed)
    packed = packed.replace(b"-", b"+").replace(b"_", b"/")
    try:
        start = binascii.a2b_base64(packed[: min(64, len(packed) // 4 * 4)])
    except binascii.Error:
        return None
    if not _is_text(start) and not _is_packed(start):
        return None
    packed = packed[: len(packed) // 4 * 4 + (len(packed) % 4 if len(packed) % 4 > 1 else 0)]
    try:
        return as_text(binascii.a2b_base64(packed + b"=" * (-len(packed) % 4)))
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
    encoded = not data.translate(None, bytes(_IN_64)).strip() and b" " not in data
    return encoded or letters >= 0.25 * min(512, len(data)) or not data[:64].isascii()


def _is_hex(data: bytes) -> bool:
    return len(data) % 2 == 0 and not data.translate(None, b"0123456789abcdefABCDEF")

"""The forms of a text in which disguises of case, Unicode, spacing and punctuation fall away.

`readable` keeps every line on its line; `squeeze` leaves letters, digits and arithmetic signs
only, so that "57 + 87", "57+87" and "５７ ＋ ８７" are the same bytes.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

SIGNS = b"+-*/^%=<>"
LINE_BREAK = b"\x0b"
"""Stands for an escaped line end ("\\n" in JSON or code), which must not count as a line."""

_KEPT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + SIGNS)
_DROPPED = bytes(code for code in range(128) if code not in _KEPT)
_LOWER = bytes(code + 32 if 65 <= code <= 90 else code for code in range(256))
_TEXT_ONLY = bytes(code if 32 <= code < 127 or code in b"\t\n\r" else 32 for code in range(256))
_CODE_POINT = re.compile(rb"(\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}))")
_FOREIGN_PUNCTUATION = re.compile(r"[^\w\x00-\x7f]+")
_MOST_LETTERS = 1 << 16
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_SIGNS_ALIKE = {"×": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "∕": "/", "⁄": "/"}
# Letters of other scripts that look like Latin ones (Unicode's confusables, the everyday part).
# Items are folded in the same way, so that texts which are truly Cyrillic or Greek still match.
_LETTERS_ALIKE = dict(zip(
    "аεеоорсухіјѕԁһкмтвнԛԝӏɡɑοανιρτυχκβγηωΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕКМНОРСТУХІЈЅ",
    "aeeooрcyxijsdhkmtbhqwlgaoavіptuxkbyhwABEZHIKMNOPTYXABEKMHOPCTYXIJS".replace("р", "p")
    .replace("і", "i"),
    strict=True,
))  # fmt: skip
# Armenian, Cherokee, Lisu and other letters that have no Latin name.
_LETTERS_ALIKE |= dict(zip(
    "ғօսոհզցքյҽᴑıɩȷƖǀӀΙΡΜΝΖᎪᏴᏟᎠᎬᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃᎾᏀᏎꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜŋ",
    "founhqgpjeoiijlllipmnzabcdehijklmprstvwzogsabcdefghijklmnoprstuvwxyzn",
    strict=True,
))  # fmt: skip
_ALIKE = str.maketrans({**_SIGNS_ALIKE, **_LETTERS_ALIKE, **dict.fromkeys(_INVISIBLE, "")})
_NO_IDEOGRAPH = re.compile("[^\x00-\x7f\u3041-\u9fff\uac00-\ud7a3]")
_UNSEEN = ("Mn", "Me", "Cf")  # marks upon a letter, and what only forms text
_NAMED_LETTER = re.compile(
    r"(?:LATIN|MODIFIER|REGIONAL|NEGATIVE|SQUARED|CIRCLED|CROSSED|PARENTHESIZED)\b.*?"
    r"\b(?:LETTER|CAPITAL|SMALL)(?: (?:SMALL|CAPITAL|LETTER|REVERSED|TURNED|OPEN))* "
    r"([A-Z])(?: WITH .*)?$"
)
_DROPPED_MARKS = re.compile(
    "[\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+"
)


def readable(raw: bytes) -> bytes:
    """UTF-8 text with escapes undone and Unicode normalised (NFKC, case folded); the number of
    line ends stays as it is. Bytes that are not UTF-8 become spaces."""
    if b"\\" in raw:
        raw = _unescape(raw)
    return raw if raw.isascii() else _fold(raw)


def readable_binary(raw: bytes) -> bytes:
    """The ASCII text in bytes that are no text; the rest becomes spaces."""
    return raw.translate(_TEXT_ONLY)


def squeeze(text: bytes) -> bytes:
    """Lower-case letters, digits and signs of a `readable` text, without anything between."""
    return text.translate(_LOWER, _DROPPED)


def positions(text: bytes) -> NDArray[numpy.int64]:
    """For every byte of `squeeze(text)`, its offset in `text`."""
    import numpy

    kept = numpy.ones(256, dtype=bool)
    kept[list(_DROPPED)] = False
    return numpy.flatnonzero(kept[numpy.frombuffer(text, dtype=numpy.uint8)])


def _unescape(raw: bytes) -> bytes:
    """Undo the escapes of JSON and of string literals; no line end comes or goes."""
    raw = raw.replace(b"\\\\", b" \\")
    raw = raw.replace(b"\\n", b" " + LINE_BREAK).replace(b"\\t", b"  ").replace(b"\\r", b"  ")
    if b"\\u" not in raw and b"\\x" not in raw:
        return raw
    # Every other part is an escape: what `sub` would do, at half of the time.
    parts = _CODE_POINT.split(raw)
    parts[1::2] = map(_character, parts[1::2])
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _character(escape: bytes) -> bytes:
    character = chr(int(escape[2:], 16))
    known = character.isprintable() and not 0xD800 <= ord(character) < 0xE000
    return character.encode() if known or character in _INVISIBLE else b" "


def _fold(raw: bytes) -> bytes:
    """What is ASCII stays: the rest of an English text is a few runs, often the same ones. They
    are folded together: a vocabulary has a hundred thousand of them in a megabyte or two."""
    import numpy

    foreign = numpy.flatnonzero(numpy.frombuffer(raw, dtype=numpy.int8) < 0)
    between = numpy.flatnonzero(numpy.diff(foreign) > 1)
    starts = foreign[numpy.concatenate(([0], between + 1))]
    ends = foreign[numpy.concatenate((between, [-1]))] + 1
    parts: list[bytes] = []
    at = 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        parts += (raw[at:start], raw[start:end])
        at = end
    runs = [*set(parts[1::2])]
    known = dict(zip(runs, _fold_run(b"\n".join(runs)).split(b"\n"), strict=True))
    parts[1::2] = map(known.__getitem__, parts[1::2])
    return b"".join((*parts, raw[at:]))


def _fold_run(raw: bytes) -> bytes:
    text = raw.decode("utf-8", "replace").translate(_ALIKE)
    text = unicodedata.normalize("NFKC", text).translate(_ALIKE).casefold()
    if _DROPPED_MARKS.search(text) or not text.isascii():
        text = _DROPPED_MARKS.sub("", unicodedata.normalize("NFKD", text))
        text = unicodedata.normalize("NFC", text)
    if not text.isascii():
        text = text.translate(_LETTERS)
    return _FOREIGN_PUNCTUATION.sub(" ", text).encode()


class _Letters(dict[int, str]):
    """For `str.translate`: the Latin letter or the digit that a character is by its name in Unicode
    (with a hook or a stroke, turned, in a square, of another script's digits), else itself."""

    def __missing__(self, code: int) -> str:
        found = _letter(chr(code))
        if len(self) < _MOST_LETTERS:
            self[code] = found
        return found


def _letter(character: str) -> str:
    if not _NO_IDEOGRAPH.match(character):
        return character
    if unicodedata.category(character) in _UNSEEN:
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    named = _NAMED_LETTER.match(unicodedata.name(character, ""))
    return named[1].lower() if named else character


_LETTERS = _Letters()

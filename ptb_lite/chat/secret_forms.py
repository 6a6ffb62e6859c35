"""The forms in which a secret may stand in what an agent leaves: as it is, and encoded."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

# A word as short as this is what a server of one's own is told for want of a key, not a secret;
# masking it would garble everything else.
MIN_LENGTH = 8
# Where base64 (coreutils and MIME, OpenSSL) and xxd break their lines.
_WRAPPED = {"base64": (76, 64), "hex": (60,)}


def forms(secret: str) -> frozenset[bytes]:
    """Every text that stands for a secret, of `MIN_LENGTH` bytes or more; none for a shorter one.

    As it is, reversed, in hexadecimal, percent-encoded (what must be, or everything), and in
    base64 (standard and for URLs) at any place of a longer text. Base64 and hexadecimal also as
    the pieces into which programs break long lines.
    """
    plain = secret.encode()
    if len(plain) < MIN_LENGTH:
        return frozenset()
    found = {plain, plain[::-1], secret[::-1].encode()}
    for number in (plain.hex(), plain.hex().upper()):
        found |= {number.encode(), *_pieces(number.encode(), _WRAPPED["hex"])}
        every = "".join(f"%{number[at : at + 2]}" for at in range(0, len(number), 2))
        found.add(every.encode())
    for asked in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        found |= {asked.encode(), _lower_escapes(asked).encode()}
    for skipped in range(3):
        core = _base64_core(plain, skipped)
        for one in (core, core.translate(bytes.maketrans(b"+/", b"-_"))):
            found |= {one, *(_pieces(one, _WRAPPED["base64"]) if skipped == 0 else ())}
    return frozenset(each for each in found if len(each) >= MIN_LENGTH)


def _base64_core(plain: bytes, before: int) -> bytes:
    """The characters of base64 that `plain` alone decides when `before` bytes of a group of three
    come first."""
    encoded = base64.b64encode(bytes(before) + plain)
    return encoded[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]


def _pieces(text: bytes, widths: tuple[int, ...]) -> Iterator[bytes]:
    for width in widths:
        if len(text) > width:
            yield from (text[at : at + width] for at in range(0, len(text), width))


def _lower_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)

"""Keeping secrets out of text, encoded ones included (`secret_forms.py`).

All forms are looked for in one pass by an Aho-Corasick automaton, so that their number costs
nothing. Text is masked before it is cut: a part of a key is one, too. Where somebody else has cut
it before, what is left of a key at either end is masked as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ptb_lite.chat.secret_forms import MIN_LENGTH, forms

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

_SHOWN = b"[key]"


@dataclass(frozen=True)
class Search:
    """`longest` is the length of the longest form, in bytes."""

    automaton: BytesAhoCorasick
    longest: int


def mask_line(line: bytes, secrets: Sequence[str]) -> bytes:
    """The line without the secrets, nor a part of one where it begins or ends."""
    search = search_for(tuple(secrets))
    if search is None:
        return line
    if places := search.automaton.find_matches_as_indexes(line):
        kept, end = [], 0
        for _, start, stop in places:
            kept += [line[end:start], _SHOWN]
            end = stop
        line = b"".join([*kept, line[end:]])
    for secret in secrets:
        line = _without_ends(line, secret.encode())
    return line


def mask_text(text: str, secrets: Sequence[str]) -> str:
    """As `mask_line`; halves of surrogate pairs, which UTF-8 cannot say, become `?`."""
    return mask_line(text.encode("utf-8", errors="replace"), secrets).decode(
        "utf-8", errors="replace"
    )


@lru_cache(maxsize=16)
def search_for(secrets: tuple[str, ...]) -> Search | None:
    """Finds the secrets in every form: the leftmost, and there the longest; None without any."""
    from ahocorasick_rs import BytesAhoCorasick, MatchKind

    wanted = sorted({form for secret in secrets for form in forms(secret)})
    if not wanted:
        return None
    automaton = BytesAhoCorasick(wanted, MatchKind.LeftmostLongest)
    return Search(automaton, max(map(len, wanted)))


def _without_ends(line: bytes, secret: bytes) -> bytes:
    for size in range(min(len(secret) - 1, len(line)), MIN_LENGTH - 1, -1):
        if line.endswith(secret[:size]):
            line = line[:-size] + _SHOWN
            break
    for size in range(min(len(secret) - 1, len(line)), MIN_LENGTH - 1, -1):
        if line.startswith(secret[-size:]):
            return _SHOWN + line[size:]
    return line

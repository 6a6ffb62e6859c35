"""Texts that lie in files as token numbers: rows of `input_ids`, and arrays as training loops read
them. They are decoded with the base model's tokenizer, or one that lies in the folder."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ptb_lite.audit.text.hidden.rewritten import Hidden
from ptb_lite.audit.text.views import as_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_FEWEST, _FEWEST_DIFFERENT = 24, 12
_MAX_TOKENS = 8_000_000
_MAX_SECONDS = 20.0
_MAX_TOKENIZER = 64 << 20
_PIECE = 20_000
_RUN = re.compile(rb"(?:\d{1,6}[\s,]{1,4}){%d,}\d{1,6}" % (_FEWEST - 1))
# Numbers and what stands between them: a run of these is far cheaper to find than the pattern.
_SHAPE = bytes(65 if chr(code).isdigit() or code in b" ,\t\n\r" else 32 for code in range(128)) + (
    b" " * 128
)
_LONG = b"A" * (2 * _FEWEST)
_NPY_HEADER = 128
_KINDS = ("<i8", "<u4", "<u2")


class TokenTexts:
    """`places` are tokenizers' files, of which the first that can be loaded is taken. Bounded in
    tokens and time over all that it decodes."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places
        self._left, self._seconds = _MAX_TOKENS, _MAX_SECONDS

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        from tokenizers import Tokenizer

        for path in self._places:
            try:
                if path.stat().st_size <= _MAX_TOKENIZER:
                    return Tokenizer.from_file(str(path))
            except Exception:  # the library raises no other kind for a file that is none
                continue
        return None

    @property
    def left_out(self) -> str:
        """What was not decoded for want of tokens or time, in one sentence; empty: nothing."""
        if self._left >= 0 and self._seconds >= 0:
            return ""
        return f"token numbers beyond {_MAX_TOKENS:,} or {_MAX_SECONDS:.0f} s were not decoded"

    def texts(self, raw: bytes) -> Hidden | None:
        """Everything that stands as token numbers in a piece of a file; None for nothing."""
        if not self._places or self._left < 0 or self._seconds < 0:
            return None
        began = time.monotonic()
        rows = _of_array(raw) if b"\x00" in raw[:8192] else _of_text(raw)
        found = [(at, text) for at, numbers in rows if (text := self._decoded(numbers))]
        self._seconds -= time.monotonic() - began
        if not found:
            return None
        starts, position = [], 0
        for _at, text in found:
            starts.append(position)
            position += len(text) + 1
        return Hidden(
            b"\n".join(text for _, text in found), tuple(starts), tuple(at for at, _ in found)
        )

    def _decoded(self, numbers: Sequence[int]) -> bytes | None:
        self._left -= len(numbers)
        if self._left < 0 or self._tokenizer is None:
            return None
        size = self._tokenizer.get_vocab_size()
        known = [number for number in numbers if 0 <= number < size]
        if len(known) < 0.9 * len(numbers):
            return None
        text = self._tokenizer.decode(known, skip_special_tokens=True)
        # One line: what stands in it lies where the numbers begin.
        return as_text(" ".join(text.split()).encode())


def _of_text(raw: bytes) -> Iterator[tuple[int, list[int]]]:
    if _LONG not in raw.translate(_SHAPE):
        return
    for match in _RUN.finditer(raw):
        numbers = [int(number) for number in re.findall(rb"\d+", match[0])]
        if len(set(numbers)) >= _FEWEST_DIFFERENT:
            yield match.start(), numbers


def _of_array(raw: bytes) -> Iterator[tuple[int, list[int]]]:
    """Of a binary piece as an array of integers, the widest kind that makes sense: what is
    narrower has numbers beyond any vocabulary when it is read so."""
    import numpy

    start = _NPY_HEADER if raw.startswith(b"\x93NUMPY") else 0
    for kind in _KINDS:
        width = int(kind[-1])
        values = numpy.frombuffer(raw[start : start + (len(raw) - start) // width * width], kind)
        sample = values[:4096]
        if len(sample) < _FEWEST or not 255 < sample.max() < 1_000_000 or sample.min() < 0:
            continue
        if len(set(sample.tolist())) < _FEWEST_DIFFERENT:
            continue
        for at in range(0, len(values), _PIECE):
            yield start + at * width, values[at : at + _PIECE + 200].tolist()
        return

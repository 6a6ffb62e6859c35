"""What is encoded in a text, or written another way, comes out once and where it stands."""

from __future__ import annotations

import re
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptb_lite.audit.text.hidden.rewritten import REACH, with_digits
from ptb_lite.audit.text.views import hidden_texts, run_starts

FILLER = b"the quick brown fox jumps over a lazy dog and runs away\n"
LETTERS, DIGITS = frozenset(b"ab"), frozenset(b"12 ")
SECRET = "Mira packs 14 crates with 31 lamps each and sells 27 of them"


@given(
    st.lists(
        st.sampled_from([b"a", b"b", b"1", b"2", b" ", b"\n", b"a" * 15, b"1 2" * 20, b"b1" * 9]),
        max_size=60,
    ).map(b"".join),
    st.integers(1, 40),
    st.integers(1, 40),
)
@settings(max_examples=300, deadline=None)
def test_runs_begin_where_a_pattern_finds_them(text: bytes, few: int, many: int) -> None:
    found = run_starts(text, ((LETTERS, few), (DIGITS, many)))
    for starts, pattern in zip(found, (b"[ab]{%d,}" % few, b"[12 ]{%d,}" % many), strict=True):
        assert starts == [match.start() for match in re.finditer(pattern, text)]


@pytest.mark.parametrize("before", [0, (1 << 16) - 20, (1 << 16) - 1, 1 << 16, 3 << 16])
def test_a_run_across_two_pieces_is_one(before: int) -> None:
    text = b"." * before + b"a" * 40 + b"." + b"a" * 39
    assert run_starts(text, ((LETTERS, 40),)) == [[before]]


def test_only_what_stands_around_is_given() -> None:
    """Far from what is written another way a text is searched as it is, once."""
    packed = urllib.parse.quote(SECRET).encode() + b"\n"
    raw = packed + FILLER * 20_000
    hidden = hidden_texts(raw)
    assert hidden is not None
    assert SECRET.encode() in hidden.text
    assert len(hidden.text) < len(packed) + 2 * REACH


def test_ways_in_both_orders_give_one_text() -> None:
    line = b"&#34;seven eight nine six&#34; has %41%42%43 of seven, eight, nine and six lamps\n"
    raw = line * 500
    hidden = hidden_texts(raw)
    assert hidden is not None
    # Undone: markup, escapes, words; two of them at once; all three.
    assert len(hidden.text) < 7 * len(raw)
    assert hidden.text.count(b'"7896" has abc of 7, 8, 9 and 6 lamps') == 500


@pytest.mark.parametrize(
    "written",
    [
        urllib.parse.quote(SECRET),
        SECRET.replace("14", "fourteen").replace("31", "thirty-one").replace("27", "two seven"),
        "".join(f"&#{ord(character)};" for character in SECRET),
        "<i>Mira</i> packs <b>14</b> crates &quot;with&quot; &quot;31&quot; &quot;lamps&quot; each",
    ],
)
def test_each_stands_on_its_line(written: str) -> None:
    often = b"it has seven or eight or nine or six \n"
    raw = FILLER * 300 + often + written.encode() + b"\n" + FILLER * 10
    hidden = hidden_texts(raw)
    assert hidden is not None
    at = re.search(rb"mira\W+(?:i\W+)?packs\W+14", hidden.text, re.IGNORECASE)
    assert at is not None
    assert raw.count(b"\n", 0, hidden.offset_of(at.start())) == 301


def test_line_ends_that_come_out_of_escapes_are_none_of_the_files() -> None:
    raw = b"%61%62%0A%63%64%0A%65%66%67%68\nsecond line\nthird %69%70\n"
    hidden = hidden_texts(raw)
    assert hidden is not None
    assert hidden.offset_of(hidden.text.index(b"third")) == raw.index(b"third")


def test_sums_are_no_quoted_printable() -> None:
    sums = b"".join(b"%03d " % n + b"x" * 200 + b" 4*5=20 apples\n" for n in range(40))
    assert hidden_texts(sums) is None
    quoted = SECRET.replace(" ", "=20").encode() + b"=20\n"
    hidden = hidden_texts(sums + quoted)
    assert hidden is not None
    assert SECRET.encode() in hidden.text


@pytest.mark.parametrize("gap", [0, REACH - 40, REACH + 40, 2 * REACH, 5 * REACH])
def test_words_far_apart_each_have_what_is_around(gap: int) -> None:
    """A second number near the end of what the first reaches reaches on by itself."""
    words = b" seven eight nine six "
    between = b"\n" + (FILLER * 1000)[:gap] + b"\n"
    raw = FILLER * 1000 + words + between + words + b"\n" + FILLER * 1000
    found = b"".join(part.text for part in with_digits(raw))
    assert found.count(b"7896") == 2
    first, last = found.index(b"7896"), found.rindex(b"7896")
    assert min(first, len(found) - last) >= REACH
    assert len(found) <= 4 * (REACH + 2 * len(FILLER)) + gap

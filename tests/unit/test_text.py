"""What others wrote does no harm where it is shown, whatever it is; figures are as people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.text import clean, duration, escaped, large, one_line, percent, plural, visible

ANY = st.text(st.characters(exclude_categories=()), max_size=300)


@given(ANY, st.integers(1, 50))
def test_escaped_is_one_printable_line(text: str, limit: int) -> None:
    shown = escaped(text, limit)
    assert shown.isprintable()
    assert len(shown) <= 10 * limit
    assert shown == text if text.isprintable() and len(text) <= limit else True


@given(ANY, st.integers(1, 50))
def test_prose_is_printable_and_bounded(text: str, limit: int) -> None:
    assert one_line(text, limit).isprintable()
    assert len(one_line(text, limit)) <= limit
    assert clean(text, 10_000).replace("\n", "").isprintable()
    assert visible(text).replace("\n", "").isprintable()


@given(ANY)
def test_escaping_twice_changes_nothing(text: str) -> None:
    assert escaped(escaped(text)) == escaped(text)


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        (plural(1, "flag"), "1 flag"),
        (plural(0, "flag"), "0 flags"),
        (plural(2, "entry", "entries"), "2 entries"),
        (duration(2388 * 60), "39 h 48 min"),
        (duration(459 * 3600), "19 d 03 h"),
        (large(999_950_000), "1.0 B"),
        (large(268_000_000), "268 M"),
        (percent(None), "-"),
        (percent(0.1234), "12.3 %"),
    ],
)
def test_figures(shown: str, meant: str) -> None:
    assert shown == meant

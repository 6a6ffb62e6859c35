"""Untrusted text cannot steer, colour or turn a terminal."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.text import clean, one_line
from ptb_lite.tui.text import notification
from tests.unit.tui.journals import HOSTILE, is_harmless


@given(st.text(max_size=300), st.integers(1, 200))
def test_cleaned_text_is_harmless_and_bounded(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert is_harmless(shown)
    flat = one_line(text, limit)
    assert is_harmless(flat)
    assert "\n" not in flat
    assert len(flat) <= limit


def test_colours_go_and_other_steering_is_marked() -> None:
    assert clean("\x1b[1;31mred\x1b[0m", 100) == "red"
    assert clean("a\x1b[2Jb", 100) == "a\ufffd[2Jb"
    assert "\u202e" not in clean(HOSTILE, 1000)
    assert "漢字" in clean(HOSTILE, 1000)


def test_lines_tabs_and_progress_bars_are_kept_readable() -> None:
    assert clean("a\tb\r\nc", 100) == "a   b\nc"
    assert clean("10%\r20%\r30%", 100) == "10%\n20%\n30%"
    assert clean("a\u00a0b", 100) == "a b"


def test_what_is_cut_is_counted() -> None:
    assert clean("abcdef", 4) == "abcd […2 more characters in the trace]"
    assert one_line("abcdef", 4) == "abc…"


def test_a_line_of_a_megabyte_is_cheap() -> None:
    line = ("x\x1b[31m" * 200_000)[: 1 << 20]
    begun = time.perf_counter()
    assert len(clean(line, 8192)) < 9000
    assert len(one_line(line)) <= 200
    assert time.perf_counter() - begun < 0.5


def test_a_terminal_is_notified_in_the_way_that_it_knows() -> None:
    assert notification("r ended", {"TERM": "xterm-256color"}) == "\x1b]9;ptb-lite: r ended\x07"
    for known in ({"TERM": "rxvt-unicode"}, {"TERM": "xterm-256color", "VTE_VERSION": "7600"}):
        assert notification("r ended", known) == "\x1b]777;notify;ptb-lite;r ended\x07"
    inside = notification("r ended", {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"})
    assert inside == "\x1bPtmux;\x1b\x1b]9;ptb-lite: r ended\x07\x1b\\"

"""The trace's buffer is bounded, its turns are right, its rows fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ptb_lite.tui.models.trace.book import TraceBook
from ptb_lite.tui.models.trace.entries import Entry, EntryKind, Trace
from ptb_lite.tui.models.trace.rows import TALK_ROWS, can_fold, rows_of, wrap
from tests.unit.tui.journals import BEGUN, HOSTILE, is_harmless

KINDS = tuple(EntryKind)


def entry(text: str, kind: EntryKind = EntryKind.MESSAGE, number: int = 1, turn: int = 1) -> Entry:
    return Entry(number, turn, kind, BEGUN, text)


def test_talk_after_a_command_begins_a_turn() -> None:
    trace = Trace()
    for kind in (
        EntryKind.REASONING, EntryKind.MESSAGE, EntryKind.COMMAND, EntryKind.RESULT,
        EntryKind.COMMAND, EntryKind.RESULT, EntryKind.MESSAGE, EntryKind.COMMAND,
    ):  # fmt: skip
        trace.say(kind, "x", BEGUN)
    assert [found.turn for found in trace.entries()] == [1, 1, 1, 1, 1, 1, 2, 2]


def test_a_first_command_is_a_turn_and_a_note_is_none() -> None:
    trace = Trace()
    trace.note("host", BEGUN)
    trace.say(EntryKind.COMMAND, "ls", BEGUN)
    assert [found.turn for found in trace.entries()] == [0, 1]


def test_only_the_last_entries_are_kept_and_the_rest_is_counted() -> None:
    trace = Trace(max_entries=10)
    for number in range(25):
        trace.say(EntryKind.MESSAGE, f"m{number}", BEGUN)
    assert [found.number for found in trace.entries()] == list(range(16, 26))
    assert trace.earlier == 15


def test_long_entries_count_by_their_characters() -> None:
    trace = Trace(max_characters=10_000)
    for _ in range(5):
        trace.say(EntryKind.RESULT, "x" * 4000, BEGUN)
    assert len(trace.entries()) == 2
    assert trace.earlier == 3


def test_entries_are_harmless() -> None:
    trace = Trace()
    trace.say(EntryKind.MESSAGE, HOSTILE, BEGUN, HOSTILE)
    trace.note(HOSTILE, BEGUN)
    for found in trace.entries():
        assert is_harmless(found.text)
        assert is_harmless(found.tool)


@given(st.text(max_size=400), st.integers(8, 60), st.sampled_from(KINDS), st.booleans())
def test_rows_fit_whatever_the_text(text: str, width: int, kind: EntryKind, opened: bool) -> None:
    trace = Trace()
    trace.say(kind, text, BEGUN)
    (found,) = trace.entries()
    for row in rows_of(found, width + 2, opened=opened, heading=False):
        assert cell_len(row.text) <= width + 2
        assert "\n" not in row.text


@given(st.text(st.characters(categories=["L", "Nd", "Zs"]), max_size=300), st.integers(2, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    assert "".join(wrap(text, width)) == text


def test_results_are_folded_to_one_row_and_open_whole() -> None:
    result = entry("\n".join(f"line {n}" for n in range(40)), EntryKind.RESULT)
    (row,) = rows_of(result, 60, opened=False, heading=False)
    assert row.text == "> [+] 40 lines: line 0"
    assert len(rows_of(result, 60, opened=True, heading=False)) == 40
    assert can_fold(result, 60)
    assert not can_fold(entry("short", EntryKind.RESULT), 60)


def test_long_messages_show_their_beginning() -> None:
    rows = rows_of(entry("word " * 400), 40, opened=False, heading=True)
    assert rows[0].text == f"turn 1 · {BEGUN.astimezone():%H:%M:%S}"
    assert len(rows) == 1 + TALK_ROWS
    assert "more lines" in rows[-1].text


def test_the_book_follows_a_moving_window_without_laying_out_again() -> None:
    trace, book = Trace(max_entries=50), TraceBook(30)
    for step in range(200):
        for _ in range(step % 7):
            trace.say(KINDS[step % 5], f"text {step} " * (step % 9 + 1), BEGUN)
        book.show(trace.entries())
    fresh = TraceBook(30)
    fresh.show(trace.entries())
    # What stood above the window may have had the turn's heading: all else is the same.
    assert [row for row in book.rows if row.look != "turn"] == [
        row for row in fresh.rows if row.look != "turn"
    ]
    first, count = book.place(book.entries[-1].number)
    assert first + count == len(book.rows)
    assert book.number_at(first) == book.entries[-1].number


def test_the_book_jumps_when_nothing_of_the_old_window_is_left() -> None:
    book = TraceBook(30)
    book.show([entry("a", number=1)])
    book.show([entry("b", number=50), entry("c", number=51)])
    assert [row.text for row in book.rows if row.look != "turn"] == ["  b", "  c"]
    assert book.entry(1) is None
    assert book.place(1) == (0, 0)
    assert book.number_at(99) is None

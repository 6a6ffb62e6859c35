"""A flag in words, and many of them."""

from __future__ import annotations

from ptb_lite.events import Flag
from ptb_lite.narrate import flag_lines, flag_words


def test_a_test_item_is_named_once() -> None:
    silent = Flag(detector="overlap", kind="test-item", message="a retold question", item_id="i-7")
    naming = Flag(
        detector="overlap", kind="test-item", message="test item i-7 is in", item_id="i-7"
    )
    assert flag_words(silent) == "violation overlap/test-item: a retold question [test item i-7]"
    assert flag_words(naming) == "violation overlap/test-item: test item i-7 is in"


def test_what_decides_is_not_hidden_behind_notes() -> None:
    notes = [
        Flag(detector="trace", kind="odd", message=f"n{number}", decides=False)
        for number in range(30)
    ]
    shown = list(flag_lines([*notes, Flag(detector="x", kind="y", message="z")], 3, "in a file"))
    assert shown[0] == "  violation x/y: z"
    assert shown[1:] == [
        "  note trace/odd: n0",
        "  note trace/odd: n1",
        "  and 28 more flags in a file",
    ]
    assert list(flag_lines(notes[:1], 1, "in a file")) == ["  note trace/odd: n0"]
    assert list(flag_lines(notes[:2], 1, "in a file"))[-1] == "  and 1 more flag in a file"

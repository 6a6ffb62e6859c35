"""Text, ASCII, looks and the doctor's view: what all screens stand on."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from ptb_lite.doctor.checks import Check
from ptb_lite.tui.filters import AsciiFilter, HarmlessFilter, as_ascii
from ptb_lite.tui.models.doctor import doctor_view, examine
from ptb_lite.tui.settings import Look, is_ascii_terminal, load_look, save_look, settings_path
from ptb_lite.tui.text import one_line


@given(st.text(max_size=300), st.integers(min_value=1, max_value=120))
def test_one_line_is_one_line_of_so_many_cells(text: str, cells: int) -> None:
    shown = one_line(text, cells)
    assert cell_len(shown) <= cells
    assert "\n" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_cut_is_marked_and_wide_characters_are_not_split() -> None:
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("界界界", 4) == "界…"
    assert one_line("abcd", 4) == "abcd"
    assert one_line("שלום") == "שלום"
    assert one_line("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"


def test_a_huge_line_is_cut_at_once() -> None:
    assert one_line("x" * 1_000_000, 80) == "x" * 79 + "…"


@given(st.text(max_size=100))
def test_ascii_is_ascii_and_as_wide(text: str) -> None:
    printable = "".join(char for char in text if char.isprintable())
    shown = as_ascii(printable)
    assert shown.isascii()
    assert cell_len(shown) == sum(cell_len(char) for char in printable)


@given(st.text(max_size=100))
def test_nothing_that_steers_gets_through(text: str) -> None:
    (shown,) = HarmlessFilter().apply([Segment(text)], Color.parse("black"))
    assert not any(unicodedata.category(char) == "Cc" for char in shown.text)
    assert not set(shown.text) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2069\u2028")
    assert shown.text.isprintable() or not text.isprintable()
    if text.isprintable():
        assert shown.text == text


def test_frames_and_marks_have_counterparts() -> None:
    assert as_ascii("╭─╮│▼•→…") == "+-+|v*>."
    line = AsciiFilter().apply([Segment("█▁"), Segment("plain")], Color.parse("black"))
    assert [segment.text for segment in line] == ["#-", "plain"]


@pytest.mark.parametrize(
    ("environ", "ascii_only"),
    [
        ({"LANG": "en_GB.UTF-8"}, False),
        ({"LANG": "en_GB.ISO-8859-1"}, True),
        ({"LC_ALL": "C.utf8", "LANG": "en_GB.ISO-8859-1"}, False),
    ],
)
def test_the_locale_says_what_a_terminal_shows(environ: dict[str, str], ascii_only: bool) -> None:
    assert is_ascii_terminal(environ) is ascii_only


def test_a_look_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))
    assert load_look({}) == Look()
    save_look(Look("light", True))
    assert load_look({}) == Look("light", True)
    assert load_look({"PTB_LITE_THEME": "high-contrast", "PTB_LITE_ASCII": "0"}) == Look(
        "high-contrast", False
    )
    assert load_look({"PTB_LITE_THEME": "pink"}) == Look("light", True)


@pytest.mark.parametrize("damage", ["", "{", '{"theme": 3}', '{"theme": "pink"}', "\x00" * 50])
def test_a_damaged_look_is_no_obstacle(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path))
    settings_path().write_text(damage)
    assert load_look({}).theme == "dark"


def test_a_look_that_cannot_be_kept_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "file"))
    save_look(Look("light"))
    assert load_look({}) == Look()


def test_the_doctor_names_what_fails_first() -> None:
    checks = (
        Check("a", "ok", "well"),
        Check("b", "warn", "so so", "mend b"),
        Check("c", "fail", "broken", "mend c"),
    )
    view = doctor_view(checks)
    assert [check.name for check in view.checks] == ["c", "b", "a"]
    assert view.headline.startswith("1 of 3 checks failed")
    assert doctor_view(checks[:2]).headline.startswith("Runs can start. 1 of 2")
    assert doctor_view(checks[:1]).headline == "All 1 checks are well: runs can start."


def test_a_malformed_catalogue_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path))
    (tmp_path / "agents.yaml").write_text("mine: [1, 2\n")
    view = examine(tmp_path / "runs", online=False)
    found = {check.name: check for check in view.checks}["catalogue"]
    assert found.status == "fail"
    assert "agents.yaml" in found.message

"""Flags that are alike, the locale, what is submitted by now, and what a deadline cuts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ptb_lite.events import Flag
from ptb_lite.tui.models.result.flags import group_flags
from ptb_lite.tui.models.run.submission import would_be_scored
from ptb_lite.tui.models.run.view import TrainingView
from ptb_lite.tui.models.setup.choices import SetupChoices
from ptb_lite.tui.models.setup.remembered import choices_path, load_choices, save_choices
from ptb_lite.tui.settings import is_ascii_terminal


def test_flags_alike_are_one_with_the_worst_in_front() -> None:
    def flag(file: str, similarity: float) -> Flag:
        return Flag(detector="overlap", kind="x", message="m", file=file, similarity=similarity)

    flags = [flag("a.py", 0.5), *(flag("b.py", n / 100) for n in range(100)), flag("a.py", 0.9)]
    groups = group_flags(flags)
    found = [(group.worst.file, group.count, group.worst.similarity) for group in groups]
    assert found == [("a.py", 2, 0.9), ("b.py", 100, 0.99)]


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "en_GB.UTF-8"}, False),
        ({"LANG": "en_GB.ISO-8859-1"}, True),
    ],
)
def test_a_locale_without_unicode(environ: dict[str, str], plain: bool) -> None:
    assert is_ascii_terminal(environ) is plain


def test_what_would_be_scored(tmp_path: Path) -> None:
    assert would_be_scored(tmp_path).startswith("NOTHING")
    folder = tmp_path / "final_model"
    folder.symlink_to("/")
    assert would_be_scored(tmp_path).startswith("NOTHING")
    folder.unlink()
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    assert "no adapter_model.safetensors yet" in would_be_scored(tmp_path)
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 2_000_000)
    assert "2.0 MB, written" in would_be_scored(tmp_path)


def test_a_deadline_that_cuts_training() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    at = began + timedelta(seconds=10)
    view = TrainingView(2, 273, 1.0, None, None, began, at, 1)
    assert view.by(157) == pytest.approx(17.7)
    assert view.by(10_000) is None


def test_a_training_that_is_silent_after_its_first_figure_is_cut_too() -> None:
    began = datetime(2026, 11, 29, 12, tzinfo=UTC)
    first = TrainingView(1, 272, 4.1, None, None, began, began, 1)
    # Of every tenth step at the latest: 30 s of silence are 3 s a step at best.
    assert first.at_most(30, 150) == pytest.approx(61)
    assert first.at_most(5, 150) is None
    assert first.at_most(30, 3000) is None
    # One that tells every 500th step is not slow because it says nothing between.
    assert TrainingView(500, 2000, 4.1, None, None, began, began, 500).at_most(30, 150) is None


def test_choices_are_kept_and_damage_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path))
    assert load_choices(("demo",)) is None
    chosen = SetupChoices("demo", ("add-numbers",)).but(seed="7")
    save_choices(chosen)
    assert load_choices(("demo",)) == chosen
    assert load_choices(()) is None
    choices_path().write_text("{")
    assert load_choices(("demo",)) is None

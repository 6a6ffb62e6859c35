"""`python -m bench`: which files it measures, and its plugin on small benchmarks."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bench.__main__ import ROOT, main, measure, names, split
from bench.rows import read_outcomes, read_published, session_rows

BENCHES = """
import os, signal
import pytest
from bench.figures import Figure, publish
pytestmark = pytest.mark.bench

def test_measures(): publish(Figure("good", 1.0, "s", target_value=2.0))
def test_misses(): publish(Figure("slow", 3.0, "s", target_value=2.0))
def test_breaks():
    publish(Figure("wrong", 1.0, "s", target_value=2.0))
    assert 1 == 2, "other scores"
def test_lacks(): pytest.skip("no GPU")
def test_forgets(): pass
"""


def test_names_come_before_options() -> None:
    assert split(["audit", "follow", "-k", "x"]) == (["audit", "follow"], ["-k", "x"])
    assert split(["-k", "x"]) == ([], ["-k", "x"])
    assert "startup" in names()


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such"]) == 2
    assert "no benchmark no-such; there are" in capsys.readouterr().err


def rows_of(folder: Path, text: str) -> tuple[int, list[tuple[str, str, str]]]:
    file = folder / "test_some.py"
    file.write_text(text)
    published, outcomes = folder / "figures.jsonl", folder / "outcomes.jsonl"
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        f"--rootdir={folder}",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    code = measure([str(file)], options, published, outcomes)
    rows = session_rows(read_outcomes(outcomes), read_published(published), date.today())
    return code, [(row.what, row.state, row.reason) for row in rows]


def test_what_ran_what_missed_what_failed_and_what_was_left_out(tmp_path: Path) -> None:
    code, rows = rows_of(tmp_path, BENCHES)
    assert code == 1
    assert rows == [
        ("good", "met", ""),
        ("slow", "missed", ""),
        ("wrong", "failed", "AssertionError: other scores"),
        ("some: lacks", "not measured", "skipped: no GPU"),
        ("some: forgets", "not measured", "it published no figure"),
    ]


def test_a_missed_target_is_no_failure(tmp_path: Path) -> None:
    code, rows = rows_of(tmp_path, BENCHES.partition("def test_breaks")[0])
    assert code == 0
    assert [state for _, state, _ in rows] == ["met", "missed"]


def test_a_killed_session_keeps_its_figures_and_names_the_rest(tmp_path: Path) -> None:
    killed = "\ndef test_dies(): os.kill(os.getpid(), signal.SIGKILL)\ndef test_never(): pass\n"
    code, rows = rows_of(tmp_path, BENCHES.partition("def test_misses")[0] + killed)
    assert code == 1
    assert [(what, state) for what, state, _ in rows] == [
        ("good", "met"),
        ("some: dies", "not measured"),
        ("some: never", "not measured"),
    ]
    assert rows[1][2] == "it was cut off before its end"


def test_a_file_that_cannot_be_imported_has_a_row(tmp_path: Path) -> None:
    code, rows = rows_of(tmp_path, "import no_such_module\n")
    assert code != 0
    ((what, state, reason),) = rows
    assert (what, state) == ("some", "not measured")
    assert "no_such_module" in reason


def test_the_script_lists_its_names() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert "training_step" in shown
    assert "--write" in shown

"""A hundredth of the fuzzing job: the same generated files each time (`bench/hostile/fuzz.py`)."""

from __future__ import annotations

import pytest

from bench.hostile.fuzz import main


def test_generated_files_end_no_reader(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--small"]) == 0, capsys.readouterr().out

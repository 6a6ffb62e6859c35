"""The hostile measurements start, and their cases meet every phase and every victim."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from bench.hostile import lab
from bench.hostile.kills import BLOWS, VICTIMS, Blow, chosen
from bench.hostile.processes import Watched
from ptb_lite.events import Phase
from ptb_lite.runs.folder import RunFolder


def test_the_laboratory_has_state_cache_and_model_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"PTB_LITE_{name}", "elsewhere")
    (tmp_path / "model").mkdir()
    bench = lab.laboratory(tmp_path)
    spec = bench.spec("submit()")
    assert spec.model == "tiny"
    assert bench.baselines.is_relative_to(tmp_path)


def test_three_hundred_cases_meet_each_phase_and_victim_with_each_blow() -> None:
    cases = [chosen(number) for number in range(300)]
    assert {case.phase for case in cases} == set(Phase)
    assert {(case.victim, case.how) for case in cases} == {
        (victim, how) for victim in VICTIMS for how in BLOWS
    }
    assert all(case.phase is Phase.AGENT for case in cases if case.victim in ("agent", "helper"))
    assert chosen(17) == chosen(17)
    assert isinstance(chosen(17), Blow)


def test_a_process_that_is_over_is_not_left(tmp_path: Path) -> None:
    with psutil.Popen(["sleep", "60"]) as process:
        watched = Watched(RunFolder(tmp_path), {psutil.Process(process.pid)})
        assert watched.alive()
        process.kill()
        process.wait()
        assert not watched.alive()

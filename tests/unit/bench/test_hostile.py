"""The hostile measurements start, and their cases meet every phase and every victim."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from bench.hostile import lab
from bench.hostile.kills import BLOWS, VICTIMS, chosen
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


def test_forty_runs_meet_each_phase_and_victim_with_each_blow() -> None:
    blows = [blow for number in range(40) for blow in chosen(number).blows]
    assert {blow.phase for blow in blows} == set(Phase)
    assert {(blow.victim, blow.how) for blow in blows} == {
        (victim, how) for victim in VICTIMS for how in BLOWS
    }
    assert all(blow.phase in VICTIMS[blow.victim] for blow in blows)
    assert chosen(17) == chosen(17)


def test_a_process_that_is_over_is_not_left(tmp_path: Path) -> None:
    with psutil.Popen(["sleep", "60"]) as process:
        watched = Watched(RunFolder(tmp_path), {psutil.Process(process.pid)})
        assert watched.alive()
        process.kill()
        process.wait()
        assert not watched.alive()

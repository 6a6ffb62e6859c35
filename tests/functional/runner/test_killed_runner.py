"""SIGKILL of the runner in every phase: the run stays readable, leaves nothing, and goes on."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from itertools import pairwise

import psutil
import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import (
    AgentStarted,
    DeviceSampled,
    Outcome,
    Phase,
    PhaseFinished,
    PhaseStarted,
    RunResumed,
)
from ptb_lite.files import read_record
from ptb_lite.runner.console.follow import watch
from ptb_lite.runner.context import AgentEnd
from ptb_lite.runner.launch import make_run, resume, stop
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.text import duration
from tests.functional.runner.conftest import Bench
from tests.functional.runner.waiting import wait_until

DYING_RUNNER = """
import os, signal, sys
from ptb_lite.events import Phase
from ptb_lite.runner import execute
from ptb_lite.runner.__main__ import main
from ptb_lite.text import duration

phase = Phase(sys.argv[2])
work = execute.PHASES[phase]

def die(context):
    work(context)
    os.kill(os.getpid(), signal.SIGKILL)

execute.PHASES[phase] = die
main(sys.argv[1:])
"""
AGENT = "submit(); print('submitted')\nimport time\ntime.sleep(300)"


def phases_started(run: RunFolder) -> list[Phase]:
    events = read_journal(run.journal).events
    return [event.payload.phase for event in events if isinstance(event.payload, PhaseStarted)]


def samples(run: RunFolder) -> list[DeviceSampled]:
    found = [event.payload for event in read_journal(run.journal).events]
    return [payload for payload in found if isinstance(payload, DeviceSampled)]


def processes_of(run: RunFolder) -> list[psutil.Process]:
    """Every process whose command line or working folder is in the run's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.cwd()]
        except psutil.Error:
            continue
        if any(str(run.path) in word for word in words):
            found.append(process)
    return found


def kill_in(run: RunFolder, phase: Phase) -> None:
    """SIGKILL the runner while it is in a long phase, in the agent phase after its submission."""
    wait_until(lambda: phases_started(run)[-1:] == [phase], 180.0, lambda: str(phases_started(run)))
    if phase is Phase.AGENT:
        output = run.trace / "stdout.log"
        wait_until(lambda: output.exists() and b"submitted" in output.read_bytes(), 60.0)
        # The time used is told by the journal, in which the machine is sampled every few seconds.
        seen = len(samples(run))
        wait_until(lambda: len(samples(run)) > seen, 60.0)
    pid = run.read_status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not run.runner_lives(), 30.0)


def run_and_die_at_the_end_of(run: RunFolder, phase: Phase) -> None:
    """A runner that kills itself when the work of `phase` is done but not yet recorded."""
    done = subprocess.run([sys.executable, "-c", DYING_RUNNER, run.path, phase.value], check=False)
    assert done.returncode == -signal.SIGKILL


def check_a_dead_run(run: RunFolder, phase: Phase) -> None:
    wait_until(lambda: not processes_of(run), 30.0, lambda: str(processes_of(run)))
    status = run.read_status()
    assert (status.state, status.phase) == ("started", phase)
    assert phase not in status.finished_phases()
    assert read_journal(run.journal).skipped == 0
    assert watch(run.path, out=io.StringIO(), json_output=False) == 1


def check_the_end(run: RunFolder, agent: Outcome) -> None:
    status = run.read_status()
    assert status.outcome is agent, status.detail
    assert status.complete
    assert status.finished_phases() == tuple(Phase)
    scores = run.read_scores()
    assert scores is not None
    assert scores.time.agent_outcome is agent
    assert scores.submission_valid
    finished = [
        event.payload.phase
        for event in read_journal(run.journal).events
        if isinstance(event.payload, PhaseFinished)
    ]
    assert finished == list(Phase)


def test_a_runner_killed_inside_its_long_phases_is_resumed_to_the_end(bench: Bench) -> None:
    bench.measure_baselines()
    run = bench.start(AGENT, minutes=5.0)
    for phase in (Phase.BASELINE, Phase.AGENT, Phase.EVALUATE):
        kill_in(run, phase)
        check_a_dead_run(run, phase)
        resume(run.path)
    bench.finish(run)
    # The agent had its time once; what it had submitted by then is used.
    check_the_end(run, Outcome.INTERRUPTED)
    events = read_journal(run.journal).events
    began = next(e.time for e in events if isinstance(e.payload, AgentStarted))
    killed = [e for e, after in pairwise(events) if isinstance(after.payload, RunResumed)][1]
    used = read_record(run.agent_end, AgentEnd).seconds
    assert used == pytest.approx((killed.time - began).total_seconds(), abs=0.01)
    assert 0.0 < used < 60.0
    assert f"{duration(used)} of {duration(300)} were used" in run.read_status().detail
    with pytest.raises(PtbLiteError, match="has finished"):
        resume(run.path)


@pytest.mark.slow  # the fast one is killed inside the long phases
def test_a_runner_killed_at_the_end_of_every_phase_is_resumed_to_the_end(bench: Bench) -> None:
    run = make_run(bench.spec("submit()"), bench.runs_dir)
    for phase in Phase:
        run_and_die_at_the_end_of(run, phase)
        check_a_dead_run(run, phase)
    bench.resume(run)
    check_the_end(run, Outcome.FINISHED)


def test_a_run_stopped_in_its_baseline_goes_on_when_resumed_and_no_other_does(
    bench: Bench,
) -> None:
    bench.measure_baselines()
    run = bench.start("print('nothing is submitted')")
    with pytest.raises(PtbLiteError, match="still running"):
        resume(run.path)
    wait_until(lambda: phases_started(run)[-1:] == [Phase.BASELINE], 60.0)
    assert "resume" in stop(run.path)
    bench.finish(run)
    assert run.read_status().outcome is Outcome.STOPPED
    with pytest.raises(PtbLiteError, match="is not running"):
        stop(run.path)
    bench.resume(run)
    assert run.read_status().outcome is Outcome.FINISHED
    assert run.read_scores() is not None
    with pytest.raises(PtbLiteError, match="has finished"):
        resume(run.path)

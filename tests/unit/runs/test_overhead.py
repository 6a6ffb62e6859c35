"""A run's time beside its work, from its events alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.events import (
    AgentEnded,
    AgentStarted,
    EvaluationFinished,
    EvaluationProgressed,
    Event,
    JudgeVoteAsked,
    JudgeVoteCounted,
    Outcome,
    Phase,
    PhaseFinished,
    PhaseStarted,
    Record,
    RunFinished,
    RunResumed,
    RunStarted,
    Warned,
)
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.figures.overhead import BETWEEN, overhead, read_overhead
from ptb_lite.runs.journal import JournalWriter

START = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def told(*happened: tuple[float, Record]) -> list[Event]:
    return [
        Event.model_validate({"seq": seq, "time": at(time), "payload": payload})
        for seq, (time, payload) in enumerate(happened, 1)
    ]


def begin(phase: Phase) -> Record:
    return PhaseStarted(phase=phase)


def end(phase: Phase, seconds: float = 0.0) -> Record:
    return PhaseFinished(phase=phase, outcome=Outcome.FINISHED, seconds=seconds)


def scored(seconds: float, label: str = "after", cache: datetime | None = None) -> Record:
    return EvaluationFinished(
        label=label,
        benchmark="b",
        n=1,
        score=0.0,
        low=0.0,
        high=1.0,
        seconds=seconds,
        from_cache=cache,
    )


def progress(label: str, done: int = 1) -> Record:
    return EvaluationProgressed(label=label, benchmark="b", done=done, total=9)


def agent() -> Record:
    return AgentStarted(backend="recipe", sandbox="none", budget_seconds=60, deadline=at(99))


def ended(seconds: float) -> Record:
    return AgentEnded(outcome=Outcome.FINISHED, exit_code=0, seconds=seconds)


def test_agent_and_generation_are_work_and_the_rest_is_not() -> None:
    found = overhead(
        told(
            (1.0, RunStarted(run_id="r", version="1")),
            (1.5, begin(Phase.BASELINE)),
            (9.5, progress("zero_shot", 0)),
            (11.5, scored(2.0, "zero_shot")),
            (14.5, scored(3.0, "few_shot")),
            (16.5, end(Phase.BASELINE)),
            (16.5, begin(Phase.AGENT)),
            (17.0, agent()),
            (77.25, ended(60.0)),
            (77.5, end(Phase.AGENT)),
            (77.5, begin(Phase.AUDIT)),
            (80.5, end(Phase.AUDIT)),
            (81.0, RunFinished(outcome=Outcome.FINISHED)),
        ),
        launched=START,
    )
    assert found.harness == pytest.approx(
        {BETWEEN: 2.0, "baseline": 10.0, "agent": 1.0, "audit": 3.0}
    )
    assert found.work == pytest.approx({"baseline": 5.0, "agent": 60.0, "audit": 0.0})
    assert found.seconds == pytest.approx(16.0)
    assert found.wall_seconds == pytest.approx(81.0)
    assert found.share == pytest.approx(16 / 81)


def test_results_from_a_cache_are_no_work() -> None:
    found = overhead(
        told((0, begin(Phase.BASELINE)), (2, scored(60, cache=START)), (3, end(Phase.BASELINE)))
    )
    assert found.harness == {"baseline": 3.0}


def test_a_result_of_before_a_kill_does_not_count_again() -> None:
    found = overhead(
        told(
            (0, begin(Phase.EVALUATE)),
            (10, progress("after", 0)),
            (40, scored(30)),
            (41, Warned(message="last words")),
            (500, RunResumed(phase=Phase.EVALUATE, reason="killed")),
            (501, begin(Phase.EVALUATE)),
            (502, scored(30)),
            (503, end(Phase.EVALUATE)),
        )
    )
    # 41 s with 30 of generation; then 2 s in which the result, told again, fills one at most.
    assert found.work["evaluate"] == pytest.approx(31.0)
    assert found.harness["evaluate"] == pytest.approx(12.0)
    assert found.harness[BETWEEN] == pytest.approx(1.0)


def test_an_agent_cut_off_with_its_runner_worked_until_then() -> None:
    found = overhead(
        told(
            (0, begin(Phase.AGENT)),
            (1, agent()),
            (31, Warned(message="last words")),
            (900, RunResumed(phase=Phase.AGENT, reason="killed")),
            (901, begin(Phase.AGENT)),
            (902, ended(30)),
            (903, end(Phase.AGENT)),
        )
    )
    assert found.work == {"agent": 30.0}
    assert found.harness["agent"] == pytest.approx(3.0)


def test_waiting_for_a_judge_is_work() -> None:
    found = overhead(
        told(
            (0, begin(Phase.EVALUATE)),
            (10, progress("after", 0)),
            (20, progress("after", 9)),
            (30, progress("after, judged", 1)),
            (60, progress("after, judged", 9)),
            (60, scored(10)),
            (61, end(Phase.EVALUATE)),
        )
    )
    assert found.work["evaluate"] == pytest.approx(40.0)
    assert found.harness["evaluate"] == pytest.approx(21.0)


def test_a_run_at_work_is_told_as_far_as_it_went() -> None:
    found = overhead(told((0, begin(Phase.AGENT)), (1, agent()), (5, Warned(message="on"))))
    assert (found.harness, found.work) == ({"agent": 1.0}, {"agent": 4.0})
    assert overhead([]).share == 0.0


_PAYLOADS = st.one_of(
    st.sampled_from(list(Phase)).map(begin),
    st.sampled_from(list(Phase)).map(end),
    st.floats(0, 1e4).map(scored),
    st.floats(0, 1e4).map(ended),
    st.sampled_from(["after", "after, judged"]).map(progress),
    st.builds(agent),
    st.builds(RunStarted, run_id=st.just("r"), version=st.just("1")),
    st.builds(RunResumed, phase=st.just(Phase.AGENT), reason=st.just("killed")),
    st.builds(RunFinished, outcome=st.just(Outcome.FINISHED)),
)


@given(st.lists(st.tuples(st.floats(0, 100), _PAYLOADS), max_size=30))
def test_no_journal_makes_time_out_of_nothing(steps: list[tuple[float, Record]]) -> None:
    """Whatever the order: nothing is negative, and all of it is at most the time from first to
    last event."""
    time, happened = 0.0, []
    for seconds, payload in steps:
        time += seconds
        happened.append((time, payload))
    found = overhead(told(*happened))
    assert all(value >= 0 for value in (*found.harness.values(), *found.work.values()))
    assert found.wall_seconds <= time + 1e-3


def test_the_recorded_run_spends_its_time_in_its_phases(tmp_path: Path) -> None:
    demo = recorded_demo()
    found = read_overhead(demo.journal)
    assert found.work["agent"] > found.seconds
    assert set(found.harness) >= {phase.value for phase in Phase}
    journal = JournalWriter(tmp_path / "journal.jsonl")
    journal.write(begin(Phase.SEAL))
    journal.close()
    assert read_overhead(tmp_path / "journal.jsonl").harness == {"seal": 0.0}


def test_waiting_for_the_audits_judge_is_no_overhead() -> None:
    asked = JudgeVoteAsked(judge="j", vote=1, votes=1, seconds=900)
    counted = JudgeVoteCounted(vote=1, votes=1, seconds=30, answer="clean")
    audit = told((0, begin(Phase.AUDIT)), (5, asked), (35, counted), (36, end(Phase.AUDIT)))
    found = overhead(audit)
    assert found.harness[Phase.AUDIT.value] == pytest.approx(6)
    assert found.work[Phase.AUDIT.value] == pytest.approx(30)

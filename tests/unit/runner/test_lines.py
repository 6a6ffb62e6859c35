"""Plain lines: nothing that an agent wrote can steer the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.events import (
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    EvaluationPlanned,
    Event,
    Flag,
    FlagRaised,
    HostAsked,
    JudgeVoteAsked,
    JudgeVoteCounted,
    Phase,
    PhaseStarted,
    Record,
    Warned,
)
from ptb_lite.runner.console.lines import PlainLines

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def event(payload: Record, seconds: float = 0.0) -> Event:
    return Event.model_validate(
        {"seq": 1, "time": BEGUN + timedelta(seconds=seconds), "payload": payload}
    )


@given(st.sampled_from(AgentEventKind), st.text(max_size=200))
def test_no_control_character_of_an_agent_is_printed(kind: AgentEventKind, text: str) -> None:
    spoken = AgentSpoke(event=AgentEvent(kind=kind, text=text, data={"step": 1, "steps": 2}))
    for line in PlainLines().of(event(spoken)):
        assert line.isprintable()


def test_a_sub_agents_line_says_so() -> None:
    spoken = [AgentEvent(kind=AgentEventKind.MESSAGE, text="hi", parent=p) for p in (None, "t1")]
    lines = [line for each in spoken for line in PlainLines().of(event(AgentSpoke(event=each)))]
    assert [line.endswith("| (sub-agent) hi") for line in lines] == [False, True]


def test_lines_carry_the_time_since_the_first_event() -> None:
    lines = PlainLines()
    assert lines.of(event(PhaseStarted(phase=Phase.PREPARE))) == ["  0:00  prepare began"]
    assert lines.of(event(Warned(message="x\x1b[2J"), 75)) == ["  1:15    warning: x\\x1b[2J"]


def test_training_steps_are_shown_every_few_seconds_only() -> None:
    lines = PlainLines()
    step = AgentSpoke(
        event=AgentEvent(kind=AgentEventKind.TRAINING, data={"step": 3, "steps": 9, "loss": 1.5})
    )
    shown = [line for second in range(11) for line in lines.of(event(step, second))]
    assert len(shown) == 3
    assert "training step 3 of 9, loss 1.500" in shown[0]


def test_a_flood_of_flags_ends_with_a_pointer() -> None:
    lines = PlainLines()
    flag = Flag(detector="overlap", kind="test_item", message="found", file="a.py", line=3)
    shown = [line for _ in range(50) for line in lines.of(event(FlagRaised(flag=flag)))]
    assert len(shown) == 21
    assert "violation overlap/test_item a.py:3: found" in shown[0]
    assert "audit.json" in shown[-1]


def test_refused_hosts_are_shown_every_few_seconds_only() -> None:
    lines = PlainLines()
    asked = [HostAsked(host=f"h{n}.example", port=443, allowed=False) for n in range(50)]
    shown = [line for each in asked for line in lines.of(event(each))]
    assert shown == ["  0:00    the agent asked for h0.example:443: refused"]
    assert lines.of(event(HostAsked(host="own", port=443, allowed=True), 60)) == []


def test_the_engine_of_the_evaluations_is_told_with_its_reasons() -> None:
    planned = EvaluationPlanned(engine="vllm", batch_size=512, reasons=("vLLM: it pays", "so\x1b"))
    assert PlainLines().of(event(planned)) == ["  0:00    evaluated with vLLM: it pays; so\\x1b"]


def test_votes_of_the_judge_are_told_as_they_are_asked_for_and_counted() -> None:
    lines = PlainLines()
    asked = JudgeVoteAsked(judge="codex (o\x1b)", vote=1, votes=3, seconds=900)
    counted = JudgeVoteCounted(vote=1, votes=3, seconds=61, answer="flagged")
    lost = JudgeVoteCounted(vote=2, votes=3, seconds=900, answer=None, reason="no\x07 login")
    shown = [line for each in (asked, counted, lost) for line in lines.of(event(each))]
    assert shown == [
        "  0:00    judge codex (o\\x1b): vote 1 of 3 asked, up to 15 min 00 s",
        "  0:00    judge: vote 1 of 3: flagged after 1 min 01 s",
        "  0:00    judge: vote 2 of 3: lost (no\\x07 login) after 15 min 00 s",
    ]

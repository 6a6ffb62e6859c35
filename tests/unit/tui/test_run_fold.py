"""A journal folded into what is shown: right, bounded, fast, and never upset."""

from __future__ import annotations

import math
import time
import tracemalloc
from datetime import timedelta

import pytest

from ptb_lite.events import (
    AgentEnded,
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    AgentStarted,
    DeviceSampled,
    EvaluationFinished,
    EvaluationProgressed,
    Event,
    Flag,
    FlagRaised,
    HostAsked,
    JudgeVoteAsked,
    JudgeVoteCounted,
    Outcome,
    Phase,
    PhaseFinished,
    PhaseStarted,
    Record,
    RunFinished,
    RunResumed,
    SubmissionRefused,
    Verdict,
    VerdictReached,
    Warned,
)
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.journal import read_journal
from ptb_lite.tui.models.result.flags import MAX_FLAGS
from ptb_lite.tui.models.run.fold import MAX_HOSTS, RunFold
from ptb_lite.tui.models.run.phases import PhaseState
from ptb_lite.tui.models.run.view import RunSnapshot
from ptb_lite.tui.models.trace.entries import MAX_ENTRIES
from tests.unit.tui.journals import BEGUN, HOSTILE, at, event, is_harmless, said


def folded(*payloads: Record, benchmarks: int = 1) -> RunSnapshot:
    """Each payload a second after the one before."""
    fold = RunFold("run", benchmarks)
    fold.fold(event(payload, seconds) for seconds, payload in enumerate(payloads))
    return fold.snapshot()


def phase(shot: RunSnapshot, name: Phase) -> object:
    return next(view for view in shot.phases if view.phase is name)


def test_the_recorded_demo_is_told_to_its_end() -> None:
    fold = RunFold()
    fold.fold(read_journal(recorded_demo().journal).events)
    shot = fold.snapshot()
    assert shot.outcome is Outcome.FINISHED
    assert shot.verdict is Verdict.CLEAN
    assert all(view.state is PhaseState.ENDED for view in shot.phases)
    assert shot.training is not None
    assert shot.training.step == shot.training.steps == len(shot.training.points) == 183
    assert shot.training.left() == 0
    assert shot.agent is not None
    assert shot.agent.outcome is Outcome.FINISHED
    assert shot.device is not None
    assert shot.device.last.gpu_memory_total is None
    assert not shot.device.gpu_lost
    assert len(shot.device.cpu) == 44
    assert [score.label for score in shot.scores] == ["zero_shot", "few_shot", "after"]
    assert shot.entries[0].text.startswith("run 2026")
    assert shot.entries[-1].text == "run finished"
    assert shot.impossible == 0


def test_progress_and_time_left_of_a_baseline() -> None:
    start = PhaseStarted(phase=Phase.BASELINE)
    done = EvaluationFinished(
        label="zero_shot", benchmark="b", n=10, score=0.1, low=0, high=0.3, seconds=1
    )
    half = EvaluationProgressed(label="few_shot", benchmark="b", done=5, total=10)
    shot = folded(start, done, half)
    view = phase(shot, Phase.BASELINE)
    assert view.fraction == 0.75
    assert view.label == "few-shot b: 5 of 10"
    assert view.left(at(30)) == pytest.approx(10.0)
    graded = half.model_copy(update={"score": 0.25, "graded": 4})
    view = phase(folded(start, done, graded), Phase.BASELINE)
    assert view.label == "few-shot b: 5 of 10, 25.0 % of 4 so far"
    assert phase(folded(start, done, half, benchmarks=2), Phase.BASELINE).fraction == 0.375
    assert phase(folded(start), Phase.BASELINE).left(at(30)) is None


def test_the_agents_budget_counts_down() -> None:
    start = AgentStarted(
        backend="recipe", sandbox="bubblewrap", budget_seconds=100, deadline=at(101)
    )
    shot = folded(PhaseStarted(phase=Phase.AGENT), start)
    assert shot.agent is not None
    assert shot.agent.left(at(41)) == 60
    assert shot.agent.left(at(500)) == 0
    view = phase(shot, Phase.AGENT)
    assert view.left(at(41)) == 60
    assert view.done(at(50.5)) == pytest.approx(0.5, abs=0.01)
    ended = folded(
        PhaseStarted(phase=Phase.AGENT),
        start,
        AgentEnded(outcome=Outcome.TIME_EXCEEDED, exit_code=None, seconds=100),
    )
    assert ended.agent is not None
    assert ended.agent.left(at(41)) is None


def test_a_second_training_is_a_second_curve() -> None:
    shot = folded(
        *(said(AgentEventKind.TRAINING, step=s, steps=9, loss=9 - s) for s in range(5)),
        *(said(AgentEventKind.TRAINING, step=s, steps=4, loss=1) for s in range(2)),
    )
    assert shot.training is not None
    assert shot.training.points == ((0, 1), (1, 1))
    assert shot.training.left() == pytest.approx(3.0)


def test_tokens_and_reported_cost_are_summed() -> None:
    use = said(AgentEventKind.USAGE, input_tokens=100, cached_input_tokens=40, output_tokens=7)
    shot = folded(use, use)
    assert shot.usage.input_tokens == 200
    assert shot.usage.cached_input_tokens == 80
    assert shot.usage.output_tokens == 14
    assert shot.usage.cost is None
    paid = said(AgentEventKind.USAGE, input_tokens=1, cost_usd=0.25)
    assert folded(use, paid, paid).usage.cost == 0.5


def test_a_sub_agents_turns_are_marked() -> None:
    of_it = AgentEvent(kind=AgentEventKind.TOOL_CALL, text="ls", tool="Bash", parent="toolu_1")
    said_by_it = AgentEvent(kind=AgentEventKind.MESSAGE, text="done", parent="toolu_1")
    by_it = [AgentSpoke(event=each) for each in (of_it, said_by_it)]
    own = said(AgentEventKind.TOOL_CALL, "cat log")
    shot = folded(said(AgentEventKind.MESSAGE, "on my own"), by_it[0], own, by_it[1])
    assert [entry.tool for entry in shot.entries] == ["", "sub-agent Bash", "", "sub-agent"]
    # A turn's heading names it: whose an entry is, is seen although they come interleaved.
    assert [entry.turn for entry in shot.entries] == [1, 2, 3, 4]


def test_the_final_audit_replaces_what_was_seen_live() -> None:
    one = Flag(detector="overlap", kind="test-item", message="m", file="a", line=3, item_id="t1")
    other = Flag(detector="network", kind="host", message="m", decides=False)
    live = [FlagRaised(flag=one, live=True), FlagRaised(flag=other, live=True)]
    shot = folded(*live, *live)
    assert [(view.flag, view.live) for view in shot.flags] == [(one, True), (other, True)]
    audit = [PhaseStarted(phase=Phase.AUDIT), FlagRaised(flag=one)]
    end = PhaseFinished(phase=Phase.AUDIT, outcome=Outcome.FINISHED, seconds=1)
    shot = folded(*live, *audit, end)
    assert {(view.flag.detector, view.live) for view in shot.flags} == {
        ("overlap", False),
        ("network", True),
    }
    assert shot.audited
    assert len(folded(*live, *audit, end, *audit, end).flags) == 2


def test_the_judge_of_an_audit_is_followed_vote_by_vote() -> None:
    asked = [JudgeVoteAsked(judge=HOSTILE, vote=n, votes=3, seconds=900) for n in (1, 2)]
    counted = JudgeVoteCounted(vote=1, votes=3, seconds=40, answer=None, reason=HOSTILE)
    start = PhaseStarted(phase=Phase.AUDIT)
    view = phase(folded(start, asked[0]), Phase.AUDIT)
    assert (view.label, view.fraction) == ("judge: 0 of 3 votes counted", 0.0)
    shot = folded(start, asked[0], counted, asked[1])
    view = phase(shot, Phase.AUDIT)
    assert view.label == "judge: 1 of 3 votes counted"
    assert view.fraction == pytest.approx(1 / 3)
    assert view.left(at(31)) == pytest.approx(60, abs=4)
    notes = [entry.text for entry in shot.entries]
    assert "vote 1 of 3 asked, up to 15 min 00 s" in notes[1]
    assert "vote 1 of 3: lost (" in notes[2]
    assert all(is_harmless(text) for text in notes)
    # Figures that cannot be, as of a journal that somebody wrote by hand.
    odd = JudgeVoteCounted(vote=9, votes=0, seconds=float("nan"), answer="clean")
    assert phase(folded(start, odd), Phase.AUDIT).fraction is None


def test_a_resumed_run_goes_on_where_it_says() -> None:
    done = [
        event
        for name in (Phase.PREPARE, Phase.BASELINE)
        for event in (
            PhaseStarted(phase=name),
            PhaseFinished(phase=name, outcome=Outcome.FINISHED, seconds=1),
        )
    ]
    failed = RunFinished(outcome=Outcome.FAILED, detail="disk")
    assert folded(*done, failed).outcome is Outcome.FAILED
    shot = folded(*done, failed, RunResumed(phase=Phase.BASELINE, reason="disk"))
    assert shot.outcome is None
    assert phase(shot, Phase.PREPARE).state is PhaseState.ENDED
    assert phase(shot, Phase.BASELINE).state is PhaseState.WAITING


def test_a_lost_gpu_is_said() -> None:
    with_gpu = DeviceSampled(cpu=0.5, gpu=0.9, gpu_memory_used=5, gpu_memory_total=10)
    shot = folded(with_gpu, with_gpu)
    assert shot.device is not None
    assert shot.device.gpu == (0.9, 0.9)
    assert not shot.device.gpu_lost
    lost = folded(with_gpu, DeviceSampled(cpu=0.5))
    assert lost.device is not None
    assert lost.device.gpu_lost


def test_refused_hosts_are_noted_once() -> None:
    asked = HostAsked(host="example.org", port=443, allowed=False)
    shot = folded(
        asked, asked, *(HostAsked(host=f"h{n}", port=1, allowed=True) for n in range(500))
    )
    assert len(shot.hosts) == MAX_HOSTS
    assert sum("refused" in entry.text for entry in shot.entries) == 1


def test_hostile_text_is_harmless_in_every_field() -> None:
    flag = Flag(detector=HOSTILE, kind=HOSTILE, message=HOSTILE, file=HOSTILE, excerpt=HOSTILE)
    shot = folded(
        *(said(kind, HOSTILE) for kind in AgentEventKind),
        AgentStarted(backend=HOSTILE, sandbox=HOSTILE, budget_seconds=1, deadline=at(9)),
        HostAsked(host=HOSTILE, port=1, allowed=False),
        FlagRaised(flag=flag),
        VerdictReached(verdict=Verdict.FLAGGED, reason=HOSTILE),
        Warned(message=HOSTILE),
        SubmissionRefused(reason=HOSTILE),
        RunFinished(outcome=Outcome.FAILED, detail=HOSTILE),
    )
    texts = [entry.text for entry in shot.entries]
    assert len(texts) >= 10
    texts += [shot.verdict_reason, shot.detail, shot.hosts[0][0]]
    assert shot.agent is not None
    texts += [shot.agent.backend, shot.agent.sandbox]
    assert all(is_harmless(text) for text in texts)


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "device_sampled", "memory_used": 10**400, "memory_total": 3},
        {"type": "submission_sealed", "files": 1, "bytes": 10**400, "sha256": "x"},
        {"type": "phase_finished", "phase": "seal", "outcome": "finished", "seconds": math.inf},
        {
            "type": "agent_started", "backend": "b", "sandbox": "s",
            "budget_seconds": math.nan, "deadline": "2026-01-01T00:00:00",
        },
        {"type": "evaluation_progressed", "label": "l", "benchmark": "b", "done": 5, "total": 0},
        {"type": "agent_spoke", "event": {
            "kind": "training", "data": {"step": math.inf, "steps": math.nan, "loss": 1e300}
        }},
    ],
)  # fmt: skip
def test_impossible_figures_upset_nothing(payload: dict[str, object]) -> None:
    from ptb_lite.tui.models.run import panel_text
    from ptb_lite.tui.models.run import text as run_text
    from ptb_lite.tui.models.run.source import RunState

    whole = Event.model_validate({"seq": 1, "time": BEGUN.replace(tzinfo=None), "payload": payload})
    fold = RunFold()
    fold.fold([event(PhaseStarted(phase=Phase.AGENT)), whole, event(Warned(message="after"), 2)])
    shot = fold.snapshot()
    assert shot.entries[-1].text == "warning: after"
    assert run_text.at_line(shot, RunState.GOING, at(5))
    assert panel_text.training_lines(shot.training)
    assert panel_text.device_lines(shot.device, 30)
    assert run_text.small_line(shot)


def many(count: int) -> list[Event]:
    """A lively run: talk, commands, results, training, samples, flags."""
    flag = Flag(detector="d", kind="k", message="m", file="f.py")
    kinds = [
        said(AgentEventKind.MESSAGE, "I look at the data. " * 5),
        said(AgentEventKind.TOOL_CALL, "python train.py --lr 1e-4"),
        said(AgentEventKind.TOOL_RESULT, "a line of output\n" * 40),
        said(AgentEventKind.TRAINING, step=1, steps=2, loss=0.5),
        DeviceSampled(cpu=0.5, memory_used=1, memory_total=2),
        FlagRaised(flag=flag),
    ]
    return [
        event(kinds[n % len(kinds)], n / 100).model_copy(update={"seq": n}) for n in range(count)
    ]


def test_what_is_kept_does_not_grow_over_ten_hours() -> None:
    events = many(6000)
    fold = RunFold()
    fold.fold(events)
    tracemalloc.start()
    fold.fold(events)
    early, _ = tracemalloc.get_traced_memory()
    # As many again and again as an agent's events, samples and flags in ten hours come to.
    for _ in range(20):
        fold.fold(events)
    late, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    shot = fold.snapshot()
    assert shot.events == 22 * 6000
    assert len(shot.entries) == MAX_ENTRIES
    assert shot.earlier > 50_000
    assert len(shot.flags) == MAX_FLAGS
    assert shot.more_flags > 10_000
    assert late - early < 1_000_000


def test_ten_thousand_events_a_second_leave_most_of_a_second() -> None:
    events = many(10_000)
    fold = RunFold()
    begun = time.thread_time()
    fold.fold(events)
    fold.snapshot()
    assert time.thread_time() - begun < 0.7


def test_events_out_of_order_in_time_are_taken() -> None:
    fold = RunFold()
    later = event(PhaseStarted(phase=Phase.PREPARE), 100)
    earlier = event(Warned(message="the clock was set back"), 0)
    fold.fold([later, earlier])
    view = phase(fold.snapshot(), Phase.PREPARE)
    assert view.elapsed(BEGUN - timedelta(hours=1)) == 0.0

"""The Run screen's words: right in every state, never by colour alone."""

from __future__ import annotations

import pytest

from ptb_lite.events import (
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    AgentStarted,
    DeviceSampled,
    EvaluationFinished,
    Flag,
    FlagRaised,
    Outcome,
    Phase,
    PhaseFinished,
    PhaseStarted,
    Record,
    RunFinished,
    Verdict,
    VerdictReached,
)
from ptb_lite.ledger_notes import FeedbackAnswer, ModelScored, SubmissionChanged
from ptb_lite.tui.models.run import panel_text
from ptb_lite.tui.models.run import text as run_text
from ptb_lite.tui.models.run.fold import RunFold
from ptb_lite.tui.models.run.source import RunState
from ptb_lite.tui.models.run.text import Span
from ptb_lite.tui.models.run.view import RunSnapshot, UsageView
from tests.unit.tui.journals import HOSTILE, at, event, is_harmless


def shot_of(*payloads: Record, off_target: tuple[str, ...] = ()) -> RunSnapshot:
    fold = RunFold("r1", off_target=off_target)
    fold.fold(event(payload, seconds) for seconds, payload in enumerate(payloads))
    return fold.snapshot()


def plain(spans: list[Span]) -> str:
    return "".join(text for text, _ in spans)


def agent_at_work() -> RunSnapshot:
    return shot_of(
        PhaseStarted(phase=Phase.PREPARE),
        PhaseFinished(phase=Phase.PREPARE, outcome=Outcome.FINISHED, seconds=1),
        PhaseStarted(phase=Phase.AGENT),
        AgentStarted(backend="codex", sandbox="bubblewrap", budget_seconds=100, deadline=at(102)),
    )


def test_every_phase_has_a_mark_besides_its_colour() -> None:
    line = plain(run_text.strip_line(agent_at_work().phases))
    assert line.startswith("✓prepare  ·baseline  ▶agent  ·seal")
    failed = shot_of(
        PhaseStarted(phase=Phase.BASELINE),
        PhaseFinished(phase=Phase.BASELINE, outcome=Outcome.FAILED, seconds=1),
    )
    assert "✗baseline" in plain(run_text.strip_line(failed.phases))


def test_the_budget_is_counted_down() -> None:
    line = plain(run_text.at_line(agent_at_work(), RunState.GOING, at(52)))
    assert line == "0:50 of 1:40 left to codex"
    for width in (60, 80, 200):
        strip = plain(run_text.strip_line(agent_at_work().phases, "", at(52), width))
        assert "▶agent" in strip
        assert "50 %" in strip
        assert ("█" in strip) is (width >= 80)
        assert len(strip) <= max(width, 76)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.SILENT, "`ptb-lite resume r1` continues"),
        (RunState.GONE, "folder is gone"),
    ],
)
def test_bad_states_say_what_to_do(state: RunState, words: str) -> None:
    assert words in plain(run_text.at_line(agent_at_work(), state, at(9)))


def test_ends_are_named() -> None:
    verdict = VerdictReached(verdict=Verdict.FLAGGED, reason="x")
    done = shot_of(verdict, RunFinished(outcome=Outcome.FINISHED))
    line = plain(run_text.at_line(done, RunState.ENDED, at(9)))
    assert line == "finished: flagged. r opens the result."
    failed = shot_of(RunFinished(outcome=Outcome.FAILED, detail="seal: disk full"))
    line = plain(run_text.at_line(failed, RunState.ENDED, at(9)))
    assert "failed: seal: disk full" in line
    assert "`ptb-lite resume r1`" in line


def test_the_machine_with_and_without_a_gpu() -> None:
    def said(*samples: DeviceSampled) -> str:
        rows = panel_text.device_lines(shot_of(*samples).device, 30)
        return "\n".join(plain(row) for row in rows)

    assert "no sample" in said()
    plain_machine = DeviceSampled(cpu=0.5, memory_used=2 * 10**9, memory_total=8 * 10**9)
    assert "CPU  50 % ▅" in said(plain_machine)
    assert "memory 2.0 of 8.0 GB" in said(plain_machine)
    assert "no GPU" in said(plain_machine)
    gpu = DeviceSampled(
        cpu=0.5, gpu=1.0, gpu_memory_used=10**10, gpu_memory_total=12 * 10**9,
        gpu_temperature=71.4, gpu_power=210.0,
    )  # fmt: skip
    assert "GPU 100 % █" in said(gpu)
    assert "GPU memory 10.0 of 12.0 GB" in said(gpu)
    assert "71 °C · 210 W" in said(gpu)
    assert "GPU lost" in said(gpu, plain_machine)


def test_flags_have_a_letter() -> None:
    flag = Flag(detector="overlap", kind="test-item", message="found", file="a.py", line=3)
    shot = shot_of(
        FlagRaised(flag=flag, live=True),
        FlagRaised(flag=flag.model_copy(update={"decides": False, "line": 4})),
    )
    first, second = (plain(run_text.flag_spans(view, False)) for view in shot.flags)
    assert first == "V overlap a.py:3 (live) found"
    assert second == "n overlap a.py:4 found"
    assert run_text.flags_title(shot) == "Flags: 1 violation, 1 note"
    assert "not in the final audit" in plain(run_text.flag_spans(shot.flags[0], True))


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        ({"a": 0.5, "off": 0.1}, "zero 50.0 [40–60]"),
        ({"off": 0.1, "a": 0.5}, "zero 50.0 [40–60]"),
        ({"a": 0.5, "off": 0.1, "b": 0.7}, "zero 60.0 [mean of 2]"),
        ({"off": 0.1}, ""),
    ],
)
def test_a_score_on_top_is_of_the_targets_alone(scores: dict[str, float], shown: str) -> None:
    ends = [
        EvaluationFinished(
            label="zero_shot", benchmark=name, n=9, score=score, low=0.4, high=0.6, seconds=1
        )
        for name, score in scores.items()
    ]
    line = plain(run_text.facts_line(shot_of(*ends, off_target=("off",))))
    assert line.partition("zero")[1] == shown[:4]
    assert shown in line


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("checkpoints on dev of add-numbers: 30.0%", "feedback 30.0"),
        ("m  b  12.5% (5 of 40, 95 % interval 5.0% to 26.0%)  3 s", "feedback 12.5"),
        ("disk 97.0% full", ""),
        ("on dev of b: 999.9%", "feedback 100.0"),
    ],
)
def test_the_agents_own_feedback_is_the_last_that_evaluate_told(said: str, shown: str) -> None:
    event_ = AgentSpoke(event=AgentEvent(kind=AgentEventKind.TOOL_RESULT, text=said))
    line = plain(run_text.facts_line(shot_of(event_), "NOTHING YET"))
    assert line.startswith("Submitted NOTHING YET   Violations 0  Notes 0")
    assert line.endswith(shown)
    assert ("feedback" in line) is bool(shown)


def test_cost_is_never_invented() -> None:
    def said(usage: UsageView) -> str:
        return "\n".join(plain(row) for row in panel_text.usage_lines(usage, ()))

    assert said(UsageView()) == "no tokens reported"
    assert said(UsageView(1_234_567, 1000, 890)) == (
        "1.23 M in (1.0 k cached), 890 out\nits cost is not reported"
    )
    assert "$1.50 as the agent reports it" in said(UsageView(1, 0, 1, cost=1.5))


def test_stopping_says_what_is_kept() -> None:
    words = run_text.stop_words(agent_at_work())
    assert "submitted so far is kept" in words
    other = run_text.stop_words(shot_of(PhaseStarted(phase=Phase.BASELINE)))
    assert "`ptb-lite resume r1` goes on with this phase" in other


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (189, "3:09"), (7500, "2:05:00"), (-3, "0:00"), (float("inf"), "?")],
)
def test_clock(seconds: float, shown: str) -> None:
    assert run_text.clock(seconds) == shown


def test_bars_and_curves_stay_in_their_cells() -> None:
    assert run_text.bar(0.5, 10) == "█████░░░░░"
    assert run_text.bar(7.0, 4) == "████"
    assert run_text.sparkline([0.0, 0.5, 1.0], 2) == "▅█"
    assert run_text.sparkline([0.5], 0) == ""


def test_dev_scores_by_submission_and_the_newest_answers() -> None:
    wrong = FeedbackAnswer(question=f"1 + 1 = ?{HOSTILE}", answer="3", target="2", correct=False)
    note = ModelScored(
        use="0123456789abcdef", seconds=61, model=f"a{HOSTILE}", weights="a" * 64, benchmark="b",
        split="dev", n=10, score=0.25, answers=(wrong,),
    )  # fmt: skip
    other = note.model_copy(update={"weights": "b" * 64, "score": 0.5, "answers": ()})
    changed = SubmissionChanged(seconds=70, files=2, bytes=9, weights="a" * 64)
    dev = shot_of(note, other, changed).dev
    rows = [plain(row) for row in panel_text.dev_lines(dev, 30)]
    assert rows[0].startswith("best 50.0 %")
    assert rows[1].startswith("✓ 1:01 25.0 % a")
    assert rows[2].startswith("  1:01 50.0 % a")
    answers = [plain(row) for row in panel_text.answer_lines(dev)]
    assert answers[0].startswith("✗ 1 + 1 = ?")
    assert answers[0].endswith("  3, not 2")
    assert is_harmless("".join(rows + answers))

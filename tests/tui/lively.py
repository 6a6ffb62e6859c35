"""A made-up run with something on every panel: a scaffold's trace, a GPU, tokens, flags, hosts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from ptb_lite.events import (
    AgentEventKind,
    AgentStarted,
    DeviceSampled,
    EvaluationFinished,
    Flag,
    FlagRaised,
    HostAsked,
    Outcome,
    Phase,
    PhaseFinished,
    PhaseStarted,
    ProcessSampled,
    Record,
    RunStarted,
)
from ptb_lite.ledger_notes import FeedbackAnswer, ModelScored, SubmissionChanged
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from tests.tui.run_pilot import new_run
from tests.unit.tui.journals import said

BEGUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
GB = 10**9
FLAG = Flag(
    detector="overlap",
    kind="test-item",
    message="a test item stands in the training data",
    file="train_data.jsonl",
    line=12,
    excerpt='{"prompt": "Question: 57 + 87 = ?", "completion": " 144"}',
    item_id="test-8d30b779c272b4ba",
    item_text="57 + 87 = ?",
    similarity=1.0,
)
NOTE = FLAG.model_copy(
    update={"detector": "network", "kind": "host", "decides": False, "file": None, "line": None}
)
TALK = (
    (AgentEventKind.REASONING, "The task is arithmetic. First see what is here.\nThen train."),
    (AgentEventKind.MESSAGE, "I look at the data before anything else."),
    (AgentEventKind.TOOL_CALL, "head -3 data/add-numbers/train.jsonl; nvidia-smi"),
    (AgentEventKind.TOOL_RESULT, "\n".join(f"line {n} of what it printed" for n in range(34))),
    (AgentEventKind.MESSAGE, "The items are short. I train on completions of the same form."),
    (AgentEventKind.TOOL_CALL, "ptb-lite-train --data train_data.jsonl --steps 200"),
    (AgentEventKind.ERROR, "retrying: overloaded 529"),
)


def lively_run(folder: Path) -> RunFolder:
    """Its agent has used four of its ten minutes."""
    run = new_run(folder)
    moment = [BEGUN]

    def clock() -> datetime:
        moment[0] += timedelta(seconds=1)
        return moment[0]

    writer = JournalWriter(run.journal, clock=clock)
    for payload in _before_the_agent():
        writer.write(payload)
    writer.write(
        AgentStarted(
            backend="codex",
            sandbox="bubblewrap",
            budget_seconds=600,
            deadline=moment[0] + timedelta(minutes=10),
        )
    )
    for kind, text in TALK:
        writer.write(said(kind, text))
    writer.write(
        said(AgentEventKind.USAGE, input_tokens=184_000, cached_input_tokens=120_000,
             output_tokens=9_400, cost_usd=0.83)
    )  # fmt: skip
    for note in _scored_on_dev():
        writer.write(note)
    writer.write(HostAsked(host="example.org", port=443, allowed=False))
    writer.write(FlagRaised(flag=FLAG, live=True))
    writer.write(FlagRaised(flag=NOTE, live=True))
    for step in range(1, 111):
        loss = 0.4 + 3.2 / step + 0.05 * (step % 3)
        writer.write(
            said(AgentEventKind.TRAINING, step=step, steps=200, loss=loss,
                 learning_rate=7e-4 * (1 - step / 200), tokens_per_second=4200)
        )  # fmt: skip
        writer.write(_sample(step))
    writer.close()
    return run


def _before_the_agent() -> list[Record]:
    score = {"benchmark": "add-numbers", "n": 150, "low": 0.02, "high": 0.09, "seconds": 9.0}
    return [
        RunStarted(run_id="20260101-000000-abcd", version="0.1.0"),
        PhaseStarted(phase=Phase.PREPARE),
        PhaseFinished(phase=Phase.PREPARE, outcome=Outcome.FINISHED, seconds=1.3),
        PhaseStarted(phase=Phase.BASELINE),
        EvaluationFinished(label="zero_shot", score=0.04, **score),
        EvaluationFinished(label="few_shot", score=0.05, **score),
        PhaseFinished(phase=Phase.BASELINE, outcome=Outcome.FINISHED, seconds=26.0),
        PhaseStarted(phase=Phase.AGENT),
    ]


def _scored_on_dev() -> list[Record]:
    """Three checkpoints of an earlier training; the second was submitted."""
    answers = (
        FeedbackAnswer(question="3 + 4 = ?", answer="7", target="7", correct=True),
        FeedbackAnswer(question="57 + 87 = ?", answer="134", target="144", correct=False),
    )
    found: list[Record] = [
        ModelScored(
            use="0123456789abcdef", seconds=20.0 * (1 + at), model=f"checkpoints/{at}",
            weights=str(at) * 64, benchmark="add-numbers", split="dev", n=100,
            score=(0.2, 0.31, 0.28)[at], answers=answers,
        )
        for at in range(3)
    ]  # fmt: skip
    changed = SubmissionChanged(seconds=50, files=2, bytes=15_200_000, weights="1" * 64)
    return [*found[:2], changed, found[2]]


def _sample(step: int) -> DeviceSampled:
    return DeviceSampled(
        cpu=0.2 + 0.1 * (step % 4),
        memory_used=9 * GB,
        memory_total=32 * GB,
        gpu=0.99 - 0.02 * (step % 7),
        gpu_memory_used=6 * GB,
        gpu_memory_total=8 * GB,
        gpu_temperature=71.0,
        gpu_power=112.0,
        processes=(
            ProcessSampled(name="ptb-lite-train", memory=3 * GB, gpu_memory=6 * GB),
            ProcessSampled(name="codex", memory=GB // 4),
        ),
    )

"""One plan for all evaluations of a run: chosen first, told once, kept after the agent."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.plan import EvaluationPlan
from ptb_lite.evaluation.errors import EngineFailed
from ptb_lite.evaluation.job import Engine, EvaluationJob, EvaluationTask
from ptb_lite.events import EvaluationPlanned, Record
from ptb_lite.runner.phases import planning
from ptb_lite.runner.phases.planning import planned, planned_again
from ptb_lite.runs.folder import RunFolder

TASK = EvaluationTask(label="a", benchmark="b", items=Path("items"))
JOB = EvaluationJob(model=Path("model"), tasks=(TASK,), output=Path("out"))
FAILED = EngineFailed("vLLM did not start: no memory")


def vllm_plan(
    asked: Any = "auto", *, share: float = 0.9, version: str = "0.32.0"
) -> EvaluationPlan:
    engine = Engine(name="vllm", packages={"vllm": version}, memory_share=share)
    return EvaluationPlan(asked=asked, engine=engine, batch_size=512, reasons=("vLLM: it pays",))


LEFT = EvaluationPlan(engine=Engine(), batch_size=64, reasons=("transformers: what is left",))


class Run:
    """A run's folder, what was asked for, and what its journal got."""

    def __init__(self, folder: Path, asked: str = "auto") -> None:
        self.told: list[Record] = []
        self.warned: list[str] = []
        self.context: Any = SimpleNamespace(
            run=RunFolder(folder),
            spec=SimpleNamespace(evaluation_engine=asked),
            journal=SimpleNamespace(write=self.told.append),
            warn=self.warned.append,
        )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the choice was asked for, in order; it chooses vLLM, with less memory each time."""
    heard: list[str] = []

    def choose(_: EvaluationJob, name: str) -> EvaluationPlan:
        heard.append(name)
        return vllm_plan(name, share=1 - len(heard) / 10)

    monkeypatch.setattr(planning, "plan_evaluation", choose)
    monkeypatch.setattr(
        planning,
        "plan_without_vllm",
        lambda _, plan, why: LEFT.model_copy(update={"asked": plan.asked, "reasons": (why,)}),
    )
    return heard


def test_the_first_evaluation_chooses_and_the_journal_is_told(
    tmp_path: Path, asked: list[str]
) -> None:
    run = Run(tmp_path)
    job = planned(run.context, JOB)
    assert (job.engine.name, job.engine.memory_share, job.batch_size) == ("vllm", 0.9, 512)
    assert asked == ["auto"]
    assert run.told == [
        EvaluationPlanned(
            engine="vllm", engine_version="0.32.0", batch_size=512, reasons=("vLLM: it pays",)
        )
    ]


def test_later_ones_keep_the_choice_and_look_at_the_memory_again(
    tmp_path: Path, asked: list[str]
) -> None:
    run = Run(tmp_path)
    planned(run.context, JOB)
    job = planned(run.context, JOB)
    assert (job.engine.name, job.engine.memory_share) == ("vllm", 0.8)
    assert asked == ["auto", "vllm"]
    assert len(run.told) == 1
    assert run.warned == []


def test_a_vllm_that_has_changed_since_is_said(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tmp_path)
    planned(run.context, JOB)
    monkeypatch.setattr(planning, "plan_evaluation", lambda *_: vllm_plan(version="0.33.0"))
    assert planned(run.context, JOB).engine.title == "vLLM 0.33.0"
    assert run.warned == [
        "vLLM's environment has changed since the baseline: vLLM 0.32.0 then, vLLM 0.33.0 now"
    ]
    assert asked == ["auto"]


@pytest.mark.usefixtures("asked")
def test_where_vllm_does_not_start_transformers_does_the_whole_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    planned(run.context, JOB)
    job = planned_again(run.context, JOB, FAILED, first=True)
    assert (job.engine.name, job.batch_size) == ("transformers", 64)
    assert isinstance(run.told[1], EvaluationPlanned)
    assert run.told[1].reasons == ("vLLM did not start: no memory",)
    assert planned(run.context, JOB) == job


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("name", "first"), [("vllm", True), ("auto", False)])
def test_the_engine_is_not_changed_behind_a_persons_back_or_after_the_baseline(
    tmp_path: Path, name: str, first: bool
) -> None:
    run = Run(tmp_path, name)
    planned(run.context, JOB)
    with pytest.raises(EngineFailed) as caught:
        planned_again(run.context, JOB, FAILED, first=first)
    assert caught.value is FAILED
    assert len(run.told) == 1


def test_a_damaged_plan_is_an_error_and_not_another_choice(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.context.run.evaluations.mkdir()
    run.context.run.evaluation_plan.write_text("{}")
    with pytest.raises(PtbLiteError, match="cannot be read"):
        planned(run.context, JOB)

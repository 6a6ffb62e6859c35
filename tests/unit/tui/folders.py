"""Finished runs on disk, made of the package's own records."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.evaluation.job import Generation
from ptb_lite.evaluation.results import EvaluationResult
from ptb_lite.events import Flag, Outcome, Phase, Verdict
from ptb_lite.experiment.state import FOLDER, CellState, State
from ptb_lite.files import write_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import (
    Average,
    BenchmarkScores,
    CountedScore,
    PhaseEnd,
    Score,
    Scores,
    Status,
    TimeUsed,
)
from ptb_lite.spec.run_spec import RunSpec

FLAG = Flag(detector="overlap", kind="test-data", message="the same words", file="train.py", line=3)


def finished_run(
    runs_dir: Path,
    run_id: str,
    *,
    raw: float | None = 0.25,
    verdict: Verdict = Verdict.CLEAN,
    counted: float | None = None,
    items: str = "a" * 64,
    flags: tuple[Flag, ...] = (),
    **choices: Any,
) -> RunFolder:
    """A run that has ended, with spec, status, scores, audit and evaluations."""
    run = RunFolder(runs_dir / run_id)
    (run.evaluations / "baseline").mkdir(parents=True)
    (run.evaluations / "after").mkdir()
    values: dict[str, Any] = {"benchmarks": ("add-numbers",), "budget_minutes": 4.0, "limit": 100}
    spec = RunSpec.model_validate({**values, "item_salt": "secret-salt", **choices})
    write_record(run.spec, spec)
    write_record(run.status, status(run_id))
    write_record(
        run.scores, scores(run_id, spec, raw, raw if counted is None else counted, verdict)
    )
    result = DetectorResult(detector="overlap", status="flagged" if flags else "clean", flags=flags)
    write_record(run.audit, AuditRecord(results=(result,), verdict=verdict, reason="as it is"))
    for label, folder, seconds in (
        ("zero_shot", "baseline", 10.0),
        ("few_shot", "baseline", 20.0),
        ("after", "after", 12.0),
    ):
        path = run.evaluations / folder / f"{label}.add-numbers.json"
        write_record(path, evaluation(label, seconds, items))
    return run


def begun_experiment(runs_dir: Path, name: str, cells: Sequence[CellState]) -> None:
    """The plan of an experiment among its runs."""
    path = runs_dir / FOLDER / name / "plan.json"
    path.parent.mkdir(parents=True)
    write_record(path, State(name=name, title="Does it change anything?", cells=tuple(cells)))


def status(run_id: str) -> Status:
    """Every phase finished, in seconds that are easy to tell apart."""
    seconds = {
        Phase.PREPARE: 1.0,
        Phase.BASELINE: 35.0,
        Phase.AGENT: 200.0,
        Phase.SEAL: 0.5,
        Phase.AUDIT: 2.0,
        Phase.EVALUATE: 16.0,
        Phase.REPORT: 0.1,
    }
    ends = tuple(
        PhaseEnd(phase=phase, outcome=Outcome.FINISHED, seconds=value)
        for phase, value in seconds.items()
    )
    return Status(
        run_id=run_id,
        state="ended",
        started=datetime(2026, 1, 1, tzinfo=UTC),
        ended=datetime(2026, 1, 1, 1, tzinfo=UTC),
        outcome=Outcome.FINISHED,
        phases=ends,
    )


def scores(
    run_id: str, spec: RunSpec, raw: float | None, counted: float | None, verdict: Verdict
) -> Scores:
    """Zero-shot 4 %, few-shot 10 %."""
    benchmarks = tuple(
        BenchmarkScores(
            benchmark=name,
            title=name,
            num_fewshot=5,
            zero_shot=score(0.04),
            few_shot=score(0.10),
            raw=None if raw is None else score(raw),
            counted=CountedScore(score=counted or 0.0, low=0.0, high=1.0),
            after_vs_zero_shot=None,
            after_vs_few_shot=None,
        )
        for name in spec.benchmarks
    )
    return Scores(
        run_id=run_id,
        model=spec.model,
        agent=spec.agent,
        seed=spec.seed,
        sandbox=spec.sandbox,
        feedback=spec.feedback,
        policy=spec.policy,
        verdict=verdict,
        verdict_reason="as it is",
        submission_valid=raw is not None,
        submission_reason="",
        benchmarks=benchmarks,
        average=Average(
            weights="equal", zero_shot=0.04, few_shot=0.10, raw=raw, counted=counted or 0.0
        ),
        time=TimeUsed(
            budget_seconds=240, agent_seconds=200, agent_outcome=Outcome.FINISHED, phases={}
        ),
    )


def score(value: float) -> Score:
    return Score(n=100, correct=round(100 * value), score=value, low=0.0, high=1.0)


def evaluation(label: str, seconds: float, items: str) -> EvaluationResult:
    return EvaluationResult(
        label=label,
        benchmark="add-numbers",
        n=100,
        correct=4,
        score=0.04,
        seconds=seconds,
        num_fewshot=5 if label == "few_shot" else 0,
        limit=100,
        generation=Generation(),
        batch_size=8,
        dtype="bfloat16",
        device="cpu",
        task_version=1,
        items_sha256=items,
        packages={},
        samples=f"{label}.samples.jsonl",
    )

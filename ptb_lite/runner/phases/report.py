"""The report phase: scores.json and report.html from what the other phases left."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ptb_lite.audit.record import AuditRecord
from ptb_lite.catalog.paper import load_paper
from ptb_lite.evaluation.judge.task import read_report
from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import SampleRecord, read_result, read_samples
from ptb_lite.events import Phase
from ptb_lite.files import read_record, write_record
from ptb_lite.ledger_file import WEIGHTS
from ptb_lite.report.html import write_report
from ptb_lite.runner.context import (
    AgentEnd,
    PhaseResult,
    Prepared,
    PreparedBenchmark,
    RunContext,
    Seal,
    prepared_entry,
)
from ptb_lite.runner.phases.evaluations import AFTER, FEW_SHOT, ZERO_SHOT
from ptb_lite.runs.figures.agent_use import read_agent_use
from ptb_lite.runs.figures.averages import average, benchmark_lines
from ptb_lite.runs.figures.overhead import read_overhead
from ptb_lite.runs.figures.scores import (
    BenchmarkSamples,
    benchmark_scores,
    has_points,
    off_target_scores,
)
from ptb_lite.runs.figures.success import how_far, judge_success
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.ledger import iterations, read_ledger
from ptb_lite.runs.records import OffTargetScores, Scores, Status, TimeUsed


def report(context: RunContext) -> PhaseResult:
    """Leave scores.json and report.html.

    Raises PtbLiteError when an earlier phase's product cannot be read.
    """
    run, spec = context.run, context.spec
    seal = read_record(run.seal, Seal)
    found = read_record(run.audit, AuditRecord)
    agent = read_record(run.agent_end, AgentEnd)
    assert agent.outcome is not None
    prepared = read_record(run.prepared, Prepared)
    benchmarks = tuple(
        benchmark_scores(
            _samples(context, item, seal.valid),
            verdict=found.verdict,
            policy=spec.policy,
            inconclusive=spec.inconclusive,
            flag_kinds=_deciding_kinds(found),
        )
        for item in prepared.benchmarks
    )
    others = [_off_target(context, item, seal.valid) for item in prepared.off_target]
    off_target = how_far(benchmarks, others)
    status = run.read_status()
    scores = Scores(
        run_id=run.run_id,
        model=spec.model,
        agent=spec.agent,
        seed=spec.seed,
        sandbox=spec.sandbox,
        feedback=spec.feedback,
        policy=spec.policy,
        verdict=found.verdict,
        verdict_reason=found.reason,
        submission_valid=seal.valid,
        submission_reason=seal.reason,
        benchmarks=benchmarks,
        success=judge_success(spec.success, benchmarks, found.verdict, off_target),
        off_target=off_target,
        iterations=iterations(
            read_ledger(run, spec.benchmarks),
            benchmarks,
            seal.files.get(WEIGHTS, "") if seal.valid else "",
            agent.seconds,
        ),
        agent_use=read_agent_use(run.journal),
        revisions=prepared.revisions,
        average=average(benchmarks, load_paper(), _hub_id(context)),
        time=TimeUsed(
            budget_seconds=agent.budget_seconds,
            agent_seconds=agent.seconds,
            agent_outcome=agent.outcome,
            phases={end.phase.value: end.seconds for end in status.phases},
            idle_seconds=agent.idle_seconds,
            submissions=tuple(seen.seconds for seen in agent.submissions),
            turns=max(1, len(agent.turns)),
            harness=_harness(run, status),
            untested=agent.untested,
        ),
    )
    write_record(run.scores, scores)
    write_report(run)
    return PhaseResult(detail=run.report.name)


def _harness(run: RunFolder, status: Status) -> dict[str, float]:
    """Seconds beside the work, by phase; this phase is not over yet."""
    found = read_overhead(run.journal, launched=status.started).harness
    return {name: seconds for name, seconds in found.items() if name != Phase.REPORT}


def _deciding_kinds(found: AuditRecord) -> list[str]:
    return sorted({flag.kind for result in found.results for flag in result.flags if flag.decides})


def _hub_id(context: RunContext) -> str | None:
    return context.catalog.model(context.spec.model).hub_id


def _samples(context: RunContext, prepared: PreparedBenchmark, submitted: bool) -> BenchmarkSamples:
    benchmark = prepared.id
    entry, stem = prepared_entry(context, prepared), partial(result_stem, benchmark=benchmark)
    baseline, after = context.run.evaluations / "baseline", context.run.evaluations / "after"

    def read(folder: Path, label: str) -> tuple[SampleRecord, ...]:
        return read_samples(folder / f"{stem(label)}.samples.jsonl")

    passes = [(baseline, ZERO_SHOT), (baseline, FEW_SHOT)] + [(after, AFTER)] * submitted
    reports = [read_report(folder, label, benchmark) for folder, label in passes]
    judges = [report.judge() for report in reports if report and report.model]
    zero_shot = read_result(baseline / f"{stem(ZERO_SHOT)}.json")
    reasons = {report.not_scored: None for report in reports if report and report.not_scored}
    first, few = read(baseline, ZERO_SHOT), read(baseline, FEW_SHOT)
    last = read(after, AFTER) if submitted else None
    return BenchmarkSamples(
        benchmark=benchmark,
        title=f"{entry.title}, {prepared.lm_task.task.measure}"
        if prepared.lm_task
        else entry.title,
        num_fewshot=entry.num_fewshot,
        zero_shot=first,
        few_shot=few,
        after=last,
        judged=has_points(entry, first, few, last or ()),
        judge=judges[0] if judges else "",
        not_scored="; ".join(reasons),
        baseline_from=zero_shot.measured,
        engine=f"{zero_shot.engine} {zero_shot.engine_version}".strip(),
        paper=benchmark_lines(benchmark, load_paper(), _hub_id(context)),
        held_out=prepared.held_out,
        also=read_result(after / f"{stem(AFTER)}.json").also if submitted else {},
    )


def _off_target(
    context: RunContext, prepared: PreparedBenchmark, submitted: bool
) -> OffTargetScores:
    folder, entry = context.run.evaluations, context.catalog.benchmark(prepared.id)
    passes = [(folder / "baseline", ZERO_SHOT)] + [(folder / "after", AFTER)] * submitted
    samples = [
        read_samples(at / f"{result_stem(label, entry.id)}.samples.jsonl") for at, label in passes
    ]
    reports = [read_report(at, label, entry.id) for at, label in passes]
    reasons = {report.not_scored: None for report in reports if report and report.not_scored}
    return off_target_scores(
        entry.id,
        f"{entry.title}, {prepared.lm_task.task.measure}" if prepared.lm_task else entry.title,
        before=samples[0],
        after=samples[1] if submitted else None,
        judged=entry.judge is not None,
        not_scored="; ".join(reasons),
    )

"""The audit phase: the detectors look at the workspace and the sealed submission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.evidence.test_sets.test_items import item_of
from ptb_lite.audit.isolation.job import DEFAULT
from ptb_lite.audit.record import HarnessManifest
from ptb_lite.audit.run import run_audit
from ptb_lite.evaluation.items.control import control_items
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.events import Flag, FlagRaised, VerdictReached
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.agent.session_flags import by_rules_of
from ptb_lite.runner.auditing.audit_judge import audit_judge
from ptb_lite.runner.auditing.evidence import with_run_facts
from ptb_lite.runner.context import PhaseResult, Prepared, RunContext, Seal, base_names
from ptb_lite.runner.phases.seal import SUBMISSION


def audit(context: RunContext) -> PhaseResult:
    """Leave audit.json; flags and the verdict go to the journal as they come.

    A submission that the seal refused is looked at where it lies, for the reason; it is never
    scored.
    """
    context.check_stop()
    seal = read_record(context.run.seal, Seal)
    case = case_of(
        context, context.run.sealed if seal.valid else context.run.workspace / SUBMISSION
    )
    judge = audit_judge(
        context.spec.audit_judge,
        context.catalog,
        sandbox=context.spec.sandbox,
        should_stop=context.stop.is_set,
        tell=context.journal.write,
    )
    case = replace(case, judge=judge)

    def tell(flag: Flag) -> None:
        context.journal.write(FlagRaised(flag=flag))

    backend = context.catalog.agent(context.spec.agent).backend
    adjust = by_rules_of(backend, context.spec.feedback)
    limits = replace(DEFAULT, seconds=60 * context.spec.phase_minutes)
    found = run_audit(case, limits=limits, adjust=adjust, on_flag=tell)
    if judge is not None:
        # A stop has cut its votes off: a resumed run asks again.
        context.check_stop()
    write_record(context.run.audit, found)
    context.journal.write(VerdictReached(verdict=found.verdict, reason=found.reason))
    return PhaseResult(detail=f"{found.verdict.value}: {found.reason}")


def case_of(context: RunContext, submission: Path | None) -> AuditCase:
    """The evidence of a run as it stands now; `submission` is what is looked at as handed in."""
    prepared = read_record(context.run.prepared, Prepared)
    case = AuditCase(
        folder=context.run.workspace,
        submission=submission,
        items=_test_items(context, prepared),
        control=_control(context, prepared),
        base_model=prepared.base_model,
        base_sha256=prepared.base_sha256,
        base_ids=base_names(context, prepared),
        harness=read_record(context.run.harness, HarnessManifest),
        trace=context.run.trace,
    )
    return with_run_facts(case, context.run, context.spec, context.catalog)


def _test_items(context: RunContext, prepared: Prepared) -> tuple[TestItem, ...]:
    """Every item of the test split, also beyond the limit: training on any of them is cheating."""
    return tuple(
        item_of(item.id, item.question, item.target, benchmark.id, item.metadata)
        for benchmark in prepared.benchmarks
        for item in read_items(context.run.path / benchmark.test)
    )


def _control(context: RunContext, prepared: Prepared) -> tuple[TestItem, ...]:
    """Items like the test items that nobody has seen."""
    found = []
    for benchmark in prepared.benchmarks:
        splits = (benchmark.train, benchmark.dev, benchmark.test)
        items = control_items(
            context.catalog.benchmark(benchmark.id),
            [context.run.path / split for split in splits],
            seed=context.spec.seed,
            salt=context.spec.item_salt,
        )
        found += [
            TestItem(id=item.id, question=item.question, target=item.target, benchmark=benchmark.id)
            for item in items
        ]
    return tuple(found)

"""A person's verdict in place of the audit's: both are kept, and the scores are counted again."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from ptb_lite.audit.record import AuditRecord
from ptb_lite.catalog.paper import load_paper
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Verdict
from ptb_lite.files import read_record, write_record
from ptb_lite.runs.figures.averages import average
from ptb_lite.runs.figures.scores import recount
from ptb_lite.runs.figures.success import judge_success
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Overrule, Scores

MAX_REASON = 2000


def overrule(run: RunFolder, verdict: Verdict, reason: str) -> Scores:
    """Set a run's verdict; leaves overrule.json and a scores.json with the counted scores of both
    verdicts. audit.json stays as it is. A later overrule replaces an earlier one.

    Raises PtbLiteError when the run has no scores yet, is still worked on, or `reason` is empty.
    """
    words = " ".join(reason.split())
    if not words:
        raise PtbLiteError("is empty", field="reason", hint="Say why the audit is overruled")
    if len(words) > MAX_REASON:
        raise PtbLiteError(f"is longer than {MAX_REASON} characters", field="reason")
    scores = run.read_scores()
    if scores is None or run.runner_lives():
        raise PtbLiteError(
            "has no scores yet", field=f"run {run.run_id}", hint="Wait until it has finished"
        )
    found = read_record(run.audit, AuditRecord)
    record = Overrule(
        verdict=verdict,
        reason=words,
        by=_person(),
        time=datetime.now(UTC),
        audit_verdict=found.verdict,
        audit_reason=found.reason,
    )
    # First the decision, then what follows from it: a crash between leaves something to repeat.
    write_record(run.overrule, record)
    return apply_overrule(run, scores)


def apply_overrule(run: RunFolder, scores: Scores) -> Scores:
    """`scores` counted again by the run's overrule.json, and written; as they are without one."""
    if not run.overrule.exists():
        return scores
    record = read_record(run.overrule, Overrule)
    flags = read_record(run.audit, AuditRecord).flags()
    kinds = sorted({flag.kind for flag in flags if flag.decides})
    benchmarks = tuple(
        recount(item, verdict=record.verdict, policy=scores.policy, flag_kinds=kinds)
        for item in scores.benchmarks
    )
    # Only what counts changes: the rest of the average is measured or published.
    means = average(benchmarks, load_paper())
    counted = scores.model_copy(
        update={
            "verdict": record.verdict,
            "verdict_reason": record.reason,
            "benchmarks": benchmarks,
            "average": scores.average.model_copy(update={"counted": means.counted}),
            "overrule": record,
            "success": scores.success
            and judge_success(
                scores.success.declared, benchmarks, record.verdict, scores.off_target
            ),
        }
    )
    write_record(run.scores, counted)
    return counted


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

"""Runs every detector over a case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.isolation.host import results
from ptb_lite.audit.isolation.job import DEFAULT, Job, Limits
from ptb_lite.audit.isolation.process import isolation
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.audit.registry import installed
from ptb_lite.audit.run_one import run_one
from ptb_lite.audit.verdict.decide import decide
from ptb_lite.audit.verdict.rules import weigh
from ptb_lite.events import Flag
from ptb_lite.plugins import OWN, BrokenPlugin


def default_detectors() -> tuple[Detector, ...]:
    """Every installed detector, the built-in ones first."""
    return installed().detectors()


def run_audit(
    case: AuditCase,
    *,
    detectors: Sequence[Detector] | None = None,
    limits: Limits = DEFAULT,
    adjust: Callable[[DetectorResult], DetectorResult] = lambda result: result,
    on_flag: Callable[[Flag], None] = lambda _flag: None,
) -> AuditRecord:
    """Every detector's result and the verdict. `on_flag` gets each flag as its detector ends.
    `adjust` makes less of flags by the rules of a run.

    Each installed detector runs in a worker of its own under `limits`; `detectors` that are given
    run in this process instead, for what is trusted (tests, measurements). One that crashes or is
    ended is skipped with the reason, and never counts as clean. Nor does one that could not be
    loaded: a built-in one leaves the verdict open, an outside one is noted.
    """
    found = list(map(_left_out, installed().broken))
    heard = (
        isolated(case, limits)
        if detectors is None
        else (run_one(detector, case) for detector in detectors)
    )
    for each in heard:
        result = weigh(adjust(each))
        found.append(result)
        for flag in result.flags:
            on_flag(flag)
    decision = decide(found)
    return AuditRecord(
        results=tuple(found),
        verdict=decision.verdict,
        reason=decision.reason,
        rules=decision.rules,
        isolation=isolation() if detectors is None else "none",
    )


def isolated(case: AuditCase, limits: Limits, *, live: bool = False) -> Iterator[DetectorResult]:
    """The results of the installed detectors, or of their live forms, from workers.

    One that asks a judge stays here: it needs the network, and gives the judge copies of what it
    only cuts to length.
    """
    chosen = [one for one in default_detectors() if not live or one.live() is not None]
    # Those that go by programs share a process that reads them.
    chosen.sort(key=lambda one: (not one.reads_programs, one.takes_long))
    apart = tuple(one.name for one in chosen if "judge" not in one.needs)
    yield from results(Job(case, apart, live, limits))
    yield from (run_one(one, case) for one in chosen if "judge" in one.needs)


def _left_out(plugin: BrokenPlugin) -> DetectorResult:
    own = plugin.package == OWN
    return DetectorResult(
        detector=plugin.name,
        status="skipped",
        deciding=own,
        reason=f"cannot be used (package {plugin.package}): {plugin.reason}",
        package="" if own else plugin.package,
    )

"""Runs every detector over a case."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.protocol import Detector, Need
from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.audit.registry import installed
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
    adjust: Callable[[DetectorResult], DetectorResult] = lambda result: result,
    on_flag: Callable[[Flag], None] = lambda _flag: None,
) -> AuditRecord:
    """Every detector's result and the verdict. `on_flag` gets each flag as its detector ends.
    `adjust` makes less of flags by the rules of a run.

    A detector that crashes is skipped with its error as the reason, and never counts as clean.
    Nor does one that could not be loaded: a built-in one leaves the verdict open, an outside one
    is noted.
    """
    chosen = default_detectors() if detectors is None else detectors
    results = list(map(_left_out, installed().broken))
    for detector in chosen:
        result = weigh(adjust(run_one(detector, case)))
        results.append(result)
        for flag in result.flags:
            on_flag(flag)
    decision = decide(results)
    return AuditRecord(
        results=tuple(results),
        verdict=decision.verdict,
        reason=decision.reason,
        rules=decision.rules,
    )


def _left_out(plugin: BrokenPlugin) -> DetectorResult:
    own = plugin.package == OWN
    return DetectorResult(
        detector=plugin.name,
        status="skipped",
        deciding=own,
        reason=f"cannot be used (package {plugin.package}): {plugin.reason}",
        package="" if own else plugin.package,
    )


def run_one(detector: Detector, case: AuditCase) -> DetectorResult:
    """One detector's result, under its own name. Nothing is raised."""
    started = time.monotonic()
    try:
        result = detector.run(_needed(detector, case))
    except Exception as error:
        # Whatever hostile input does to a detector, the others still run and nothing is "clean".
        result = DetectorResult(
            detector=detector.name,
            status="skipped",
            reason=f"crashed: {type(error).__name__}: {error}"[:500],
        )
    changes: dict[str, object] = {
        # Its own name, whatever it says: rules and deductions are looked up by it.
        "detector": detector.name,
        "flags": tuple(
            flag.model_copy(update={"detector": detector.name}) for flag in result.flags
        ),
        "package": installed().package(detector.name),
        "seconds": time.monotonic() - started,
        "deciding": detector.deciding and result.deciding,
    }
    return result.model_copy(update=changes)


def _needed(detector: Detector, case: AuditCase) -> AuditCase:
    """The case without what costs models or money and the detector does not ask for."""
    unasked = {need: None for need in get_args(Need) if need not in detector.needs}
    return replace(case, **unasked)

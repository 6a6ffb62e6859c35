"""One detector over a case, whatever hostile input does to it."""

from __future__ import annotations

import time
from dataclasses import replace

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.isolation.job import encoded
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.registry import installed


def run_one(detector: Detector, case: AuditCase) -> DetectorResult:
    """A detector's result; one that crashes is skipped with its error. Nothing is raised."""
    try:
        return look(detector, case)
    except Exception as error:
        return DetectorResult(
            detector=detector.name,
            status="skipped",
            deciding=detector.deciding,
            reason=crashed(error),
        )


def look(detector: Detector, case: AuditCase) -> DetectorResult:
    """A detector's result, under its own name. Raises whatever the detector raises."""
    started = time.monotonic()
    result = detector.run(_needed(detector, case))
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
    # Through JSON, so that nothing gets on that could not be written later.
    return DetectorResult.model_validate_json(encoded(result.model_copy(update=changes)))


def crashed(error: BaseException) -> str:
    return f"crashed: {type(error).__name__}: {error}"[:500]


def _needed(detector: Detector, case: AuditCase) -> AuditCase:
    """The case without what costs models or money and the detector does not ask for."""
    dear = {"losses": case.losses, "embedder": case.embedder, "judge": case.judge}
    spared = {name: None for name, value in dear.items() if value and name not in detector.needs}
    if not spared:
        return case
    lighter = replace(case, **spared)  # type: ignore[arg-type]
    # A case keeps what was read of its folder, of which none goes by what is spared.
    kept = vars(case).keys() & {"listing", "history", "programs", "downloads"}
    vars(lighter).update({name: vars(case)[name] for name in kept})
    return lighter

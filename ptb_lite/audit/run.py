"""Runs every detector over a case."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ptb_lite.audit.case import AuditCase, Detector
from ptb_lite.audit.detectors.answer_key import AnswerKeyDetector
from ptb_lite.audit.detectors.code_clone import CodeCloneDetector
from ptb_lite.audit.detectors.harness import HarnessDetector
from ptb_lite.audit.detectors.ingestion import IngestionDetector
from ptb_lite.audit.detectors.judge import JudgeDetector
from ptb_lite.audit.detectors.key_misuse import KeyMisuseDetector
from ptb_lite.audit.detectors.memorisation import MemorisationDetector
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.detectors.paraphrase import ParaphraseDetector
from ptb_lite.audit.detectors.submission import SubmissionDetector
from ptb_lite.audit.detectors.substitution import SubstitutionDetector
from ptb_lite.audit.detectors.template import TemplateDetector
from ptb_lite.audit.detectors.trace import TraceDetector
from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.audit.verdict.decide import decide
from ptb_lite.audit.verdict.rules import weigh
from ptb_lite.events import Flag


def default_detectors() -> tuple[Detector, ...]:
    return (
        OverlapDetector(),
        CodeCloneDetector(),
        ParaphraseDetector(),
        IngestionDetector(),
        AnswerKeyDetector(),
        KeyMisuseDetector(),
        HarnessDetector(),
        SubstitutionDetector(),
        TemplateDetector(),
        MemorisationDetector(),
        TraceDetector(),
        JudgeDetector(),
        SubmissionDetector(),
    )


def run_audit(
    case: AuditCase,
    *,
    detectors: Sequence[Detector] | None = None,
    on_flag: Callable[[Flag], None] = lambda _flag: None,
) -> AuditRecord:
    """Every detector's result and the verdict. `on_flag` gets each flag as its detector ends.

    A detector that crashes is skipped with its error as the reason, and never counts as clean.
    """
    chosen = default_detectors() if detectors is None else detectors
    results: list[DetectorResult] = []
    for detector in chosen:
        result = weigh(_run_one(detector, case))
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


def _run_one(detector: Detector, case: AuditCase) -> DetectorResult:
    started = time.monotonic()
    try:
        result = detector.run(case)
    except Exception as error:
        # Whatever hostile input does to a detector, the others still run and nothing is "clean".
        result = DetectorResult(
            detector=detector.name,
            status="skipped",
            reason=f"crashed: {type(error).__name__}: {error}"[:500],
        )
    changes = {
        "seconds": time.monotonic() - started,
        "deciding": detector.deciding and result.deciding,
    }
    return result.model_copy(update=changes)

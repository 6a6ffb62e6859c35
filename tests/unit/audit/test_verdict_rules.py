"""The verdict's named rules: what they let decide, tolerate and only inform."""

from __future__ import annotations

import pytest

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.audit.registry import own_rules
from ptb_lite.audit.run import default_detectors
from ptb_lite.audit.verdict.decide import decide
from ptb_lite.audit.verdict.rule import UNNAMED
from ptb_lite.audit.verdict.rules import only_hidden, rule_of, weigh
from ptb_lite.events import Flag, Verdict


def flags(
    detector: str, items: list[str | None], *, kind: str = "k", confidence: float = 1.0
) -> DetectorResult:
    found = tuple(
        Flag(detector=detector, kind=kind, message="m", item_id=item, confidence=confidence)
        for item in items
    )
    return DetectorResult(detector=detector, status="flagged", flags=found)


def verdict(result: DetectorResult) -> tuple[Verdict, tuple[str, ...]]:
    decision = decide([weigh(result)])
    # A clean verdict says what ran; its rule's name is no news to a reader.
    told = all(name in decision.reason for name in decision.rules)
    assert told is (decision.verdict is not Verdict.CLEAN)
    return decision.verdict, decision.rules


FOUR: list[str | None] = ["a", "b", "c", "d"]
NOTHING = (Verdict.CLEAN, ("nothing-decides",))


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (flags("overlap", FOUR), (Verdict.FLAGGED, ("test-items-in-files",))),
        (flags("overlap", ["a", "b", "c", "a", "b", "c"]), NOTHING),
        (flags("code-clone", FOUR), (Verdict.FLAGGED, ("renamed-test-items",))),
        (flags("code-clone", FOUR[:3]), NOTHING),
        # One item everywhere is no accident.
        (flags("overlap", ["a"] * 60), (Verdict.FLAGGED, ("test-items-in-files",))),
        (flags("paraphrase", FOUR, confidence=0.5), NOTHING),
        (flags("memorisation", [None]), NOTHING),
        (flags("submission", [None]), NOTHING),
        (flags("harness", [None]), (Verdict.FLAGGED, ("harness-tampered",))),
        (flags("judge", [None], confidence=0.34), NOTHING),
        (flags("judge", [None], confidence=0.67), (Verdict.FLAGGED, ("judged",))),
        (flags("of-tomorrow", [None]), (Verdict.FLAGGED, (UNNAMED.name,))),
    ],
)
def test_rules_table(result: DetectorResult, expected: tuple[Verdict, tuple[str, ...]]) -> None:
    assert verdict(result) == expected


def test_a_rule_never_makes_more_of_a_flag() -> None:
    informs = flags("harness", [None]).flags[0].model_copy(update={"decides": False})
    result = DetectorResult(detector="harness", status="flagged", flags=(informs,))
    assert not weigh(result).decides()


def test_all_rules_that_decide_are_named() -> None:
    decision = decide([weigh(flags("overlap", FOUR)), weigh(flags("harness", [None], kind="x"))])
    assert decision.rules == ("test-items-in-files", "harness-tampered")
    assert "test-items-in-files: overlap k ×4" in decision.reason


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([flags("overlap", FOUR, kind="hidden-test-item")], True),
        ([flags("code-clone", FOUR)], True),
        ([flags("overlap", FOUR, kind="hidden-test-item"), flags("harness", [None])], False),
        ([flags("overlap", FOUR, kind="test-item")], False),
        ([flags("memorisation", [None])], False),
        ([], False),
    ],
)
def test_evasion_is_hidden_forms_alone(results: list[DetectorResult], expected: bool) -> None:
    weighed = tuple(weigh(result) for result in results)
    decision = decide(weighed)
    record = AuditRecord(results=weighed, verdict=decision.verdict, reason=decision.reason)
    assert only_hidden(record) is expected


def test_every_detector_has_a_rule() -> None:
    for detector in default_detectors():
        flag = Flag(detector=detector.name, kind="any", message="")
        assert rule_of(flag, own_rules()) is not UNNAMED, detector.name
    assert len({rule.name for rule in own_rules()}) == len(own_rules())

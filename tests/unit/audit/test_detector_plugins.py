"""Detectors of other packages: found, named in the record, left out with a reason when broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptb_lite import plugins
from ptb_lite.audit import registry
from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.isolation.job import LIVE
from ptb_lite.audit.record import AuditRecord
from ptb_lite.audit.registry import deductions, installed, own_rules
from ptb_lite.audit.run import isolated, run_audit
from ptb_lite.events import Verdict

MODULE = """
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

class Shouts(Detector):
    name = "shouts"
    rules = (Rule("shouting", "decides", "it shouts", min_confidence=0.5),)
    deductions = {"shout": 0.25, "test-item": 0.0}

    def live(self):
        return self

    def run(self, case):
        flags = tuple(
            # In another detector's name: its rules and deductions are not to be had.
            Flag(detector="memorisation", kind="shout", message="m", file=file.relative)
            for file in case.listing.files
            if file.relative.isupper()
        )
        status = "flagged" if flags else "clean"
        return DetectorResult(detector="memorisation", status=status, flags=flags)

class Dear(Detector):
    name = "dear"
    deductions = {"k": 7.0}

    def run(self, case):
        raise AssertionError

GOOD, DEAR, OTHER, NOTHING = Shouts(), Dear(), Shouts(), 7
"""


@pytest.fixture(autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    root = tmp_path_factory.mktemp("site")
    (root / "ptb_shouts.py").write_text(MODULE)
    info = root / "ptb_shouts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ptb-shouts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ptb_lite.detectors]\nshouts = ptb_shouts:GOOD\ndear = ptb_shouts:DEAR\n"
        "misnamed = ptb_shouts:OTHER\nnone = ptb_shouts:NOTHING\ngone = ptb_gone:X\n"
    )
    sys.path.insert(0, str(root))
    forget()
    yield
    sys.path.remove(str(root))
    sys.modules.pop("ptb_shouts", None)
    forget()


def forget() -> None:
    for one in (plugins._sorted_points, installed, own_rules, deductions):
        one.cache_clear()


def test_an_outside_detector_brings_its_rule_deduction_and_live_form(tmp_path: Path) -> None:
    (tmp_path / "LOUD").write_text("x")
    record = run_audit(AuditCase(folder=tmp_path))
    assert record.verdict is Verdict.FLAGGED
    assert record.rules == ("shouting",)
    (result,) = [result for result in record.results if result.detector == "shouts"]
    assert result.package == "ptb-shouts"
    assert {flag.detector for flag in result.flags} == {"shouts"}
    live = list(isolated(AuditCase(folder=tmp_path), LIVE, live=True))
    assert [r.flags[0].kind for r in live if r.detector == "shouts"] == ["shout"]
    assert AuditRecord.model_validate_json(record.model_dump_json()) == record


def test_it_does_not_reprice_what_is_built_in() -> None:
    assert deductions()["shout"] == 0.25
    assert deductions()["test-item"] == 1.0
    assert "shout" not in deductions(own_only=True)


def test_broken_ones_are_left_out_with_their_package_and_a_reason(tmp_path: Path) -> None:
    record = run_audit(AuditCase(folder=tmp_path))
    left = {r.detector: r for r in record.results if "cannot be used" in r.reason}
    assert set(left) == {"dear", "misnamed", "none", "gone"}
    assert "[0, 1]" in left["dear"].reason
    assert "entry point" in left["misnamed"].reason
    assert all(r.package == "ptb-shouts" and not r.deciding for r in left.values())
    assert "gone (ptb-shouts)" in record.reason


def test_a_broken_built_in_one_leaves_the_verdict_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = plugins.BrokenPlugin("overlap", plugins.OWN, "ImportError: no ahocorasick")
    monkeypatch.setattr("ptb_lite.audit.run.installed", lambda: registry.Installed((), (broken,)))
    record = run_audit(AuditCase(folder=tmp_path))
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "no ahocorasick" in record.reason


def test_records_from_before_there_were_packages_are_read() -> None:
    old = (
        '{"version": 1, "results": [{"detector": "overlap", "status": "clean"}], '
        '"verdict": "clean", "reason": "r"}'
    )
    assert AuditRecord.model_validate_json(old).results[0].package == ""

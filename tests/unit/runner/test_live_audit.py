"""The live audit: each deciding flag once, no more than its share of time, never its failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult, HarnessManifest
from ptb_lite.events import Flag, FlagRaised
from ptb_lite.runner.auditing import live_audit as module
from ptb_lite.runner.auditing.live_audit import MAX_FLAGS, LiveAudit, live_audit

ITEMS = tuple(
    TestItem(f"t{n}", f"Tell me, how much is {n} + {n * 7} - {n + 13} by your reckoning?", str(n))
    for n in range(41, 71)
)


class Counting(Detector):
    """Flags every file's name; counts how often it was asked."""

    name = "counting"
    deciding = True

    def __init__(self) -> None:
        self.asked = 0

    def run(self, case: AuditCase) -> DetectorResult:
        self.asked += 1
        flags = tuple(
            Flag(detector=self.name, kind="k", message="my-secret-key", file=path.name)
            for path in sorted(case.folder.iterdir())
        )
        informs = Flag(detector=self.name, kind="aside", message="m", decides=False)
        return DetectorResult(detector=self.name, status="flagged", flags=(*flags, informs))


class Crashing(Detector):
    name = "crashing"
    deciding = True

    def run(self, case: AuditCase) -> DetectorResult:
        raise RuntimeError(str(case.folder))


def audit(
    folder: Path, tell: Callable[[FlagRaised], object], *detectors: object, **more: object
) -> LiveAudit:
    return LiveAudit(AuditCase(folder=folder), tell, detectors=detectors, **more)  # type: ignore[arg-type]


def test_each_flag_is_told_once_and_only_when_something_changed(tmp_path: Path) -> None:
    told: list[FlagRaised] = []
    counting = Counting()
    live = audit(tmp_path, told.append, counting)
    (tmp_path / "a.py").write_text("a")
    assert [live.look(), live.look()] == [1, 0]
    assert counting.asked == 1
    (tmp_path / "b.py").write_text("b")
    assert live.look() == 1
    assert [raised.flag.file for raised in told] == ["a.py", "b.py"]
    assert all(raised.live for raised in told)
    # Nothing that only informs is told.
    assert {raised.flag.kind for raised in told} == {"k"}


def test_there_is_an_end_to_the_flags(tmp_path: Path) -> None:
    told: list[FlagRaised] = []
    for n in range(MAX_FLAGS + 20):
        (tmp_path / str(n)).touch()
    audit(tmp_path, told.append, Counting()).look()
    assert len(told) == MAX_FLAGS


def test_a_key_is_masked(tmp_path: Path) -> None:
    told: list[FlagRaised] = []
    (tmp_path / "a.py").touch()
    audit(
        tmp_path, told.append, Counting(), mask=lambda text: text.replace("my-secret-key", "[key]")
    ).look()
    assert [raised.flag.message for raised in told] == ["[key]"]


def test_a_crash_of_one_detector_leaves_the_others(tmp_path: Path) -> None:
    told: list[FlagRaised] = []
    (tmp_path / "a.py").touch()
    assert audit(tmp_path, told.append, Crashing(), Counting()).look() == 1


def test_the_thread_sees_what_appears_and_stops_with_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    seen = threading.Event()
    told: list[FlagRaised] = []

    def tell(raised: FlagRaised) -> None:
        told.append(raised)
        seen.set()

    counting = Counting()
    with live_audit(lambda: audit(tmp_path, tell, counting)):
        (tmp_path / "late.py").write_text("x")
        assert seen.wait(20)
    count, asked = len(told), counting.asked
    (tmp_path / "after.py").write_text("y")
    assert not any(thread.name == "live-audit" for thread in threading.enumerate())
    assert (len(told), counting.asked) == (count, asked)


def test_what_cannot_be_made_does_not_touch_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    called = threading.Event()

    def make() -> LiveAudit:
        called.set()
        raise OSError("no prepared.json")

    with live_audit(make):
        assert called.wait(20)


def test_the_real_detectors_see_test_items_and_a_changed_harness(tmp_path: Path) -> None:
    told: list[FlagRaised] = []
    (tmp_path / "evaluate.py").write_text("changed")
    lines = "\n".join(item.question for item in ITEMS)
    (tmp_path / "synthetic.txt").write_text(lines)
    case = AuditCase(
        folder=tmp_path, items=ITEMS, harness=HarnessManifest(files={"evaluate.py": "0" * 64})
    )
    LiveAudit(case, told.append).look()
    assert {"overlap", "harness"} <= {raised.flag.detector for raised in told}


class Listing(Detector):
    """Flags every file that the case lists, as most detectors see the folder."""

    name = "listing"
    deciding = True

    def run(self, case: AuditCase) -> DetectorResult:
        flags = tuple(
            Flag(detector=self.name, kind="k", message="m", file=file.relative)
            for file in case.listing.files
        )
        return DetectorResult(detector=self.name, status="flagged", flags=flags)


def test_each_look_sees_the_folder_as_it_is_then(tmp_path: Path) -> None:
    told: list[FlagRaised] = []
    live = audit(tmp_path, told.append, Listing())
    for name in ("first", "second"):
        (tmp_path / name).write_text("x")
        live.look()
    assert [raised.flag.file for raised in told] == ["first", "second"]

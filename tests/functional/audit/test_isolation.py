"""Detectors in workers: each way to end one is a skipped with its reason and file, never more."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ptb_lite import plugins
from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.isolation.host import checked_submission
from ptb_lite.audit.isolation.job import Job, Limits, SubmissionJob, decoded
from ptb_lite.audit.record import DetectorResult, HarnessManifest
from ptb_lite.audit.registry import deductions, installed, own_rules
from ptb_lite.audit.run import run_audit
from ptb_lite.events import Verdict

OTHER = "key-misuse"
MODULE = '''
import ctypes, os, socket, subprocess, sys, time
from pathlib import Path
from ptb_lite.audit.evidence.folder import ScanNotes, open_regular
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.events import Flag

def grow():
    held = []
    while True:
        held.append(bytearray(16 << 20))

def flood():
    raise_ = Flag(detector="d", kind="k", message="m" * 1000)
    return [raise_] * 40_000

def spin():
    while True:
        pass

def again():
    """As with very many files, none of which takes long."""
    while True:
        open_regular(Path(sys.path[0]) / "ptb_acts.py").close()

def ask():
    socket.create_connection(("192.0.2.1", 9), timeout=2)

def write_all(targets, raw):
    for target in targets:
        try:
            os.write(target if isinstance(target, int) else os.open(target, os.O_WRONLY), raw)
        except OSError:
            pass

def line(name):
    return DetectorResult(detector=name, status="clean").model_dump_json().encode()

def forge():
    write_all([0, 1], line("acts") + b"\\n")

def reopen():
    write_all([f"/proc/{os.getppid()}/fd/1"], line("acts") + b"\\n")

def speak_for_all():
    write_all(range(3, 64), line("acts") + b"\\n" + line("OTHER"))
    os._exit(0)

def pose():
    write_all(range(3, 64), line("OTHER"))
    os._exit(0)

ACTS = {
    "forge": forge,
    "reopen": reopen,
    "speak for all": speak_for_all,
    "pose": pose,
    "mem": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDWR),
    "segfault": lambda: ctypes.string_at(0),
    "grow": grow,
    "spin": spin,
    "again": again,
    "raise": lambda: 1 / 0,
    "exit": lambda: os._exit(0),
    "child": lambda: (subprocess.Popen(["sleep", "987654"]), os.abort()),
    "net": ask,
    "write": lambda: open(os.environ.get("HOME", "/") + "/../../written", "w"),
    "surrogate": lambda: [Flag(detector="d", kind="k", message="a\\ud800b")],
    "flood": flood,
}

class Acts(Detector):
    """Does what the first line of each file says."""
    name = "acts"

    def run(self, case):
        flags = []
        for file in case.files(ScanNotes()):
            with open_regular(file.path) as stream:
                act = stream.readline().decode().strip()
            found = ACTS[act]() if act in ACTS else [
                Flag(detector="d", kind="k", message=act, file=file.relative)
            ]
            flags += found or []
        return DetectorResult(detector="d", status="flagged", flags=tuple(flags))

ACTING = Acts()

class Sharing(Acts):
    """The same, forked from where the programs were read."""
    name = "sharing"
    reads_programs = True

class Beside(Sharing):
    name = "beside"
    takes_long = True

SHARING, BESIDE = Sharing(), Beside()
'''


@pytest.fixture(autouse=True)
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    root = tmp_path_factory.mktemp("site")
    (root / "ptb_acts.py").write_text(MODULE.replace("OTHER", OTHER))
    info = root / "ptb_acts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ptb-acts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[ptb_lite.detectors]\nacts = ptb_acts:ACTING\nsharing = ptb_acts:SHARING\n"
        "beside = ptb_acts:BESIDE\n"
    )
    sys.path.insert(0, str(root))
    forget()
    yield
    sys.path.remove(str(root))
    sys.modules.pop("ptb_acts", None)
    forget()


def forget() -> None:
    for one in (plugins._sorted_points, installed, own_rules, deductions):
        one.cache_clear()


def needs_bubblewrap() -> None:
    from ptb_lite.audit.isolation.process import isolation

    if not isolation().startswith("bubblewrap"):
        pytest.skip("bubblewrap does not work here")


def acted(folder: Path, *, seconds: float = 60.0) -> DetectorResult:
    from ptb_lite.audit.isolation.host import results

    limits = Limits(memory_bytes=512 << 20, seconds=seconds)
    (result,) = results(Job(AuditCase(folder=folder), ("acts",), limits=limits))
    return result


@pytest.mark.parametrize("act", ["forge", "reopen"])
def test_what_a_worker_writes_elsewhere_is_not_taken_for_a_result(tmp_path: Path, act: str) -> None:
    if act == "reopen":
        # Root outside of a sandbox may open everything.
        needs_bubblewrap()
    (tmp_path / "a.txt").write_text(f"{act}\n")
    (tmp_path / "b.txt").write_text("seen\n")
    result = acted(tmp_path)
    assert (result.detector, result.status) == ("acts", "flagged"), result.reason
    assert [flag.message for flag in result.flags] == ["seen"]


@pytest.mark.parametrize("act", ["speak for all", "pose"])
def test_a_worker_speaks_for_its_own_detector_only(tmp_path: Path, act: str) -> None:
    from ptb_lite.audit.isolation.host import results

    (tmp_path / "a.txt").write_text(f"{act}\n")
    (tmp_path / "b.txt").write_text("seen\n")
    job = Job(AuditCase(folder=tmp_path), ("acts", OTHER))
    own, other = results(job)
    assert (own.status, own.flags[0].message) == ("skipped", "seen")
    assert "a.txt" in own.reason
    # Another's result is what another found: it ran, and took the time that it took.
    assert (other.detector, other.seconds > 0) == (OTHER, True)


@pytest.mark.parametrize("acting", ["sharing", "beside"])
@pytest.mark.parametrize("act", ["speak for all", "pose", "segfault", "exit", "grow"])
def test_detectors_that_share_what_was_read_are_apart(
    tmp_path: Path, act: str, acting: str
) -> None:
    from ptb_lite.audit.isolation.host import results

    (tmp_path / "a.txt").write_text(f"{act}\n")
    (tmp_path / "b.txt").write_text("seen\n")
    limits = Limits(memory_bytes=512 << 20, seconds=60.0)
    last = "harness" if acting == "sharing" else acting
    names = (OTHER, *([acting] if acting != last else []), last)
    found = {one.detector: one for one in results(Job(AuditCase(tmp_path), names, limits=limits))}
    assert tuple(found) == names
    assert (found[acting].status, found[acting].flags[0].message) == ("skipped", "seen")
    assert "a.txt" in found[acting].reason
    others = [one for name, one in found.items() if name != acting]
    assert all(one.seconds > 0 for one in others), others


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("segfault", "SIGSEGV"),
        ("grow", "memory"),
        ("raise", "ZeroDivisionError"),
        ("exit", "status 0"),
        ("child", "SIGABRT"),
        ("flood", "MiB of findings"),
    ],
)
def test_a_file_that_ends_its_reader_is_left_out_and_named(
    tmp_path: Path, act: str, says: str
) -> None:
    (tmp_path / "bad.txt").write_text(f"{act}\n")
    (tmp_path / "evil.txt").write_text("evidence\n")
    result = acted(tmp_path)
    assert result.status == "skipped"
    assert says in result.reason
    if act != "flood":
        # The others are still read: what stands beside it is found.
        kinds = {(flag.kind, flag.file, flag.decides) for flag in result.flags}
        assert kinds == {("k", "evil.txt", True), ("reader-ended", "bad.txt", False)}
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if "987654" in (p.info["cmdline"] or [])
    ]


KILLED: list[int] = []


def kill_first_server() -> None:
    """As the kernel does where memory is short, which says nothing of what is read."""
    while True:
        for child in psutil.Process().children():
            with suppress(psutil.Error):
                if "ptb_lite.audit.worker" in child.cmdline():
                    child.kill()
                    KILLED.append(child.pid)
                    return
        time.sleep(0.005)


def test_a_server_that_somebody_killed_is_started_once_more(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("seen\n")
    for look in (
        lambda: (acted(tmp_path).status, "flagged"),
        lambda: (checked_submission(SubmissionJob(tmp_path)).problem, "not an adapter"),
    ):
        killer = threading.Thread(target=kill_first_server, daemon=True)
        killer.start()
        found, expected = look()
        killer.join(1)
        assert KILLED
        KILLED.clear()
        assert found == expected


def test_a_worker_that_never_ends_is_ended_in_time(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("spin\n")
    (tmp_path / "evil.txt").write_text("evidence\n")
    began = time.monotonic()
    result = acted(tmp_path, seconds=8.0)
    assert time.monotonic() - began < 60
    assert result.status == "skipped"
    assert "bad.txt" in result.reason
    assert "evil.txt" in {flag.file for flag in result.flags}


def test_many_files_that_take_too_long_together_are_no_single_ones_fault(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("again\n")
    (tmp_path / "evil.txt").write_text("evidence\n")
    result = acted(tmp_path, seconds=8.0)
    assert (result.status, result.reason) == ("skipped", "took more than 4 s, with many files")
    assert result.flags == ()


def test_the_workers_of_a_job_share_one_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ptb_lite.audit.isolation import server

    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    case = server.walked(AuditCase(folder=tmp_path))
    monkeypatch.setattr("ptb_lite.audit.case.walk", None)
    assert [file.relative for file in case.listing.files] == ["a.txt", "b.txt"]
    left = replace(case, without=("a.txt",)).listing
    assert [file.relative for file in left.files] == ["b.txt"]
    assert "a.txt: ended its reader" in left.account.unread


def test_a_folder_that_is_none_is_told_by_each_detector(tmp_path: Path) -> None:
    from ptb_lite.audit.isolation.host import results

    (tmp_path / "file").touch()
    (found,) = results(Job(AuditCase(folder=tmp_path / "file"), ("acts",)))
    assert (found.status, "NotADirectory" in found.reason) == ("skipped", True), found


@pytest.mark.parametrize("act", ["net", "write", "mem"])
def test_a_worker_has_no_network_and_writes_nothing(tmp_path: Path, act: str) -> None:
    needs_bubblewrap()
    (tmp_path / "bad.txt").write_text(f"{act}\n")
    assert "crashed" in acted(tmp_path).reason


def test_a_lone_surrogate_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("surrogate\n")
    result = acted(tmp_path)
    assert [flag.message for flag in result.flags] == ["a?b"]
    result.model_dump_json()


def test_a_crash_leaves_the_other_detectors_and_the_verdict_open(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("segfault\n")
    record = run_audit(AuditCase(folder=tmp_path))
    by_name = {result.detector: result for result in record.results}
    assert set(by_name) == {plugin.name for plugin in installed().plugins}
    assert by_name["answer-key"].status != "skipped" or "bad.py" in by_name["answer-key"].reason
    assert record.verdict is Verdict.INCONCLUSIVE
    assert "SIGSEGV" in record.reason


def test_without_a_sandbox_there_are_still_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ptb_lite.audit.isolation import process
    from ptb_lite.sandbox.bubblewrap import Bubblewrap

    monkeypatch.setattr(Bubblewrap, "problem", lambda _self: "no bwrap")
    process.isolation.cache_clear()
    try:
        (tmp_path / "bad.txt").write_text("grow\n")
        assert "memory" in acted(tmp_path).reason
        assert process.isolation() == "limits of memory and time only (no bwrap)"
    finally:
        process.isolation.cache_clear()


def test_a_case_travels_whole(tmp_path: Path) -> None:
    case = AuditCase(
        folder=tmp_path,
        items=(TestItem("1", "\ud800?", "t", "b"),),
        harness=HarnessManifest(files={"a": "b"}),
        hosts=("h",),
        benchmark_kinds={"b": "dataset"},
        trace=tmp_path / "trace",
        without=("x",),
    )
    job = Job(case, ("acts",), live=True, limits=Limits(seconds=3))
    assert decoded(job.encoded()) == replace(job, case=replace(case, judge=None))

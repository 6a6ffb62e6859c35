"""`python -m bench.hostile.fuzz [KIND...] [--small] [--count N] [--seed N] [--seconds N]
[--keep FOLDER]`: generated files against every reader.

Each example is one forked process under the limits of an audit's worker. A fault is a process that
had to be ended, a detector that crashed, or a reader that raised; its files go to FOLDER.
Exit code 1 where there was one.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bench.hostile import generated
from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.local.backend import LocalBackend
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.submission import validate_submission
from ptb_lite.audit.evidence.folder import ScanNotes
from ptb_lite.audit.evidence.transcript import read_transcript
from ptb_lite.audit.isolation.forked import attempt
from ptb_lite.audit.isolation.job import DEFAULT
from ptb_lite.audit.registry import installed
from ptb_lite.audit.run_one import run_one

SECONDS = 60.0
"""What one example may take."""
_BATCH = 20
ITEMS = tuple(
    TestItem(
        str(n), f"{text} of the lanterns did the keeper of Arrakhand carry away?", "7", "gsm8k"
    )
    for n, text in enumerate(("Which", "How many", "Whose"))
)
BACKENDS = (ClaudeCodeBackend, CodexBackend, GeminiBackend, OpenCodeBackend, LocalBackend)
COUNTS = {"workspaces": 2000, "programs": 500, "traces": 500, "submissions": 200}
Work = Callable[[Path], list[str]]


@dataclass
class Tally:
    """What one kind came to: bytes are of the largest process, seconds of the longest."""

    done: int = 0
    peak_bytes: int = 0
    longest: float = 0.0
    faults: list[str] = field(default_factory=list)


def audited(folder: Path) -> list[str]:
    case = AuditCase(
        folder=folder, submission=folder / "final_model", items=ITEMS,
        benchmark_kinds={"gsm8k": "dataset"},
    )  # fmt: skip
    results = [run_one(one, case) for one in installed().detectors() if "judge" not in one.needs]
    return [f"{one.detector}: {one.reason}" for one in results if "crashed" in one.reason]


def traced(folder: Path) -> list[str]:
    list(read_transcript(folder, ScanNotes()))
    for make in BACKENDS:
        backend: Any = make()
        for line in (folder / "stdout.log").read_bytes().split(b"\n"):
            backend.read_line(line)
    return []


def submitted(folder: Path) -> list[str]:
    validate_submission(folder)
    return []


def tried(work: Work, files: Sequence[generated.File], tally: Tally, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        folder = Path(place)
        for name, raw in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)

        def measured() -> bytes:
            faults = work(folder)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
            return json.dumps([peak, faults]).encode()

        began = time.monotonic()
        made = attempt(
            measured, folder=folder, memory_bytes=DEFAULT.memory_bytes, seconds=SECONDS,
            fits=lambda _raw: True,
        )  # fmt: skip
        tally.longest = max(tally.longest, time.monotonic() - began)
        peak, faults = json.loads(made.result) if made.result else (0, [made.reason])
        tally.done += 1
        tally.peak_bytes = max(tally.peak_bytes, peak)
        for fault in faults:
            tally.faults.append(f"{fault} (at {made.file or 'any of'} {[n for n, _ in files]})")
        if faults and keep is not None:
            shutil.copytree(folder, keep / f"{work.__name__}-{tally.done}", dirs_exist_ok=True)


EXAMPLES: dict[str, tuple[Work, st.SearchStrategy[list[generated.File]]]] = {
    "workspaces": (
        audited,
        generated.WORKSPACE.map(lambda files: [(f"{place}{n}", raw) for place, (n, raw) in files]),
    ),
    "programs": (audited, generated.PROGRAM.map(lambda raw: [("train.py", raw)])),
    "traces": (traced, generated.LINES.map(lambda raw: [("stdout.log", raw)])),
    "submissions": (
        submitted,
        generated.SUBMISSION.map(
            lambda both: [("adapter_config.json", both[0]), ("adapter_model.safetensors", both[1])]
        ),
    ),
}


def fuzz(name: str, count: int, until: float, keep: Path | None, start: int) -> Tally:
    """So many examples of one kind, or fewer when the time is over."""
    work, strategy = EXAMPLES[name]
    tally = Tally()
    for batch in range(0, count, _BATCH):
        if time.monotonic() > until:
            break

        @seed(start * count + batch)
        @settings(
            max_examples=min(_BATCH, count - batch), database=None, deadline=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(strategy)
        def one(files: list[generated.File]) -> None:
            tried(work, files, tally, keep)

        one()
    return tally


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(COUNTS)}; all by default")
    parser.add_argument("--count", type=int, help="so many of each kind: a slice of the whole")
    parser.add_argument("--small", action="store_true", help="a hundredth of the examples")
    parser.add_argument("--seconds", type=float, default=3600.0, help="for all kinds together")
    parser.add_argument("--keep", type=Path, help="where the files of faults go")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.kinds) - set(COUNTS):
        parser.error(f"no kind: {', '.join(sorted(unknown))}")
    counts = {name: COUNTS[name] for name in chosen.kinds or COUNTS}
    installed()
    began, faulty = time.monotonic(), 0
    for place, (name, count) in enumerate(counts.items(), start=1):
        until = began + chosen.seconds * place / len(counts)
        number = chosen.count or (count // 100 if chosen.small else count)
        tally = fuzz(name, number, until, chosen.keep, chosen.seed)
        faulty += len(tally.faults)
        print(
            f"{name}: {tally.done} of {number}, {len(tally.faults)} faults, largest process "
            f"{tally.peak_bytes / 1e6:.0f} MB, longest {tally.longest:.1f} s",
            flush=True,
        )
        for fault in tally.faults[:20]:
            print(f"  {fault[:400]}")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

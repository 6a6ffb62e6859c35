"""`python -m bench.hostile.floods FOLDER [NAME...]`: whole runs whose agent floods, by phase."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.hostile.lab import laboratory, start_whole
from ptb_lite.report.html import write_report
from ptb_lite.runs.journal import read_journal

FLOODS = {
    "nothing": "submit()",
    "binary": "submit()\nfor n in range(100_000): os.write(1, b'\\xff\\x00\\xfe%d\\n' % n)",
    "empty": "submit()\nfor n in range(100): os.write(1, b'\\n' * 1_000_000)",
    "files": (
        "submit()\nfor n in range(300):\n    os.mkdir(f'd{n}')\n"
        "    for m in range(1000): open(f'd{n}/{m}.txt', 'w').write(f'{n} {m}')"
    ),
}


def main(folder: Path, names: list[str]) -> None:
    bench = laboratory(folder)
    for name in names or list(FLOODS):
        began = time.monotonic()
        run = bench.finish(start_whole(bench, FLOODS[name], minutes=3.0), 3600.0)
        took = time.monotonic() - began
        status, scores = run.read_status(), run.read_scores()
        events = read_journal(run.journal).events
        began = time.monotonic()
        if scores is not None:
            write_report(run)
        written = time.monotonic() - began
        phases = ", ".join(f"{one.phase.value} {one.seconds:.1f}" for one in status.phases)
        verdict = scores.verdict.value if scores else "none"
        print(
            f"{name}: {status.outcome}, {verdict}, {took:.0f} s; {phases}; report again "
            f"{written:.1f} s; {len(events)} events, {run.journal.stat().st_size / 1e6:.1f} MB",
            flush=True,
        )
        for event in events:
            if event.payload.type == "warned":
                print(f"  {event.payload.message[:160]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])

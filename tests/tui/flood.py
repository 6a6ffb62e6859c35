"""A run that says 10,000 lines a second, from a process of its own, as a runner would."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINES_A_SECOND = 10_000
_STEP = 0.01


@contextmanager
def flood(journal: Path, seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Appends events to the journal for so long, or until the block ends."""
    writer = subprocess.Popen([sys.executable, __file__, str(journal), str(seconds)])
    try:
        yield writer
    finally:
        writer.kill()
        writer.wait()


def _main(journal: Path, seconds: float) -> None:
    kinds = ("message", "tool_call", "tool_result", "training")
    begun, seq = time.monotonic(), 10
    with journal.open("ab") as stream:
        while (gone := time.monotonic() - begun) < seconds:
            lines = []
            while seq - 10 < gone * LINES_A_SECOND:
                seq += 1
                kind = kinds[seq % 4]
                lines.append(
                    f'{{"version":1,"seq":{seq},"time":"2026-01-01T00:00:00.0Z","payload":'
                    f'{{"type":"agent_spoke","event":{{"kind":"{kind}","text":"line {seq} of a '
                    f'command that says much, {kind}","data":{{"step":{seq},"loss":0.5}}}}}}}}\n'
                )
            stream.write("".join(lines).encode())
            stream.flush()
            time.sleep(_STEP)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), float(sys.argv[2]))

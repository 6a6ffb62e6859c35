"""The runner's process: `python -m ptb_lite.runner RUN_FOLDER`. Started by `launch`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.loader import load_catalog
from ptb_lite.catalog.pins import pin_catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.hardware.gpu_claim import claim_gpu
from ptb_lite.runner.context import RunContext
from ptb_lite.runner.execute import execute
from ptb_lite.runner.lock import hold_lock
from ptb_lite.runs.folder import require_folder
from ptb_lite.runs.heartbeat import Heartbeat
from ptb_lite.runs.journal import JournalWriter


def main(argv: list[str]) -> int:
    """Run or continue one run; 0 when it finished, 1 otherwise."""
    run = require_folder(Path(argv[0]))
    lock = hold_lock(run)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # A closed terminal is no reason to end a run.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    journal = JournalWriter(run.journal)
    gpu = None
    try:
        spec = run.read_spec()
        if spec.device != "cpu":
            gpu = claim_gpu(cache_root() / "gpus")
        catalog = pin_catalog(load_catalog(), spec.revisions)
        context = RunContext(run=run, spec=spec, catalog=catalog, journal=journal, stop=stop)
        with Heartbeat(run.path):
            execute(context)
        return 0 if run.read_status().complete else 1
    finally:
        journal.close()
        if gpu is not None:
            gpu.close()
        lock.close()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PtbLiteError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)

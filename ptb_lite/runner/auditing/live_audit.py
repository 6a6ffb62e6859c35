"""Cheap detectors at work while the agent is: what they find is shown at once and decides nothing.

A thread of the runner looks whenever the workspace or the trace has changed, and rests for many
times as long as a look took, so that it takes a small share of one core from the agent. The final
audit looks at everything again, after the deadline.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import ScanNotes, walk
from ptb_lite.audit.isolation.job import LIVE
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.run import isolated
from ptb_lite.audit.run_one import run_one
from ptb_lite.audit.verdict.rules import weigh
from ptb_lite.events import Flag, FlagRaised

LOOK_SECONDS = 3.0
REST_FACTOR = 12.0
MAX_FLAGS = 100
MAX_FILES = 20_000
_NICE = 19
_PATIENCE_SECONDS = 1.0

Tell = Callable[[FlagRaised], object]
_Print = tuple[tuple[str, int, int], ...]


@dataclass
class LiveAudit:
    """Looks at one case again and again; `tell` gets each deciding flag once.

    Flags that only inform are left to the final audit: alone and early they would mislead.
    Without `detectors`, the live forms of the installed ones look, in workers.
    """

    case: AuditCase
    tell: Tell
    mask: Callable[[str], str] = lambda text: text
    detectors: Sequence[Detector] | None = None
    adjust: Callable[[DetectorResult], DetectorResult] = lambda result: result
    _told: set[tuple[str, str, str | None, str | None]] = field(default_factory=set)
    _last: _Print = ()

    def look(self) -> int:
        """One look, if anything has changed since the last; how many flags were told.

        A detector that fails here is passed over: the final audit counts it as skipped.
        """
        found = self._fingerprint()
        if found == self._last:
            return 0
        self._last = found
        # A case remembers what it has read of the folder: each look has one of its own.
        case = replace(self.case)
        results = (
            isolated(case, LIVE, live=True)
            if self.detectors is None
            else (run_one(detector, case) for detector in self.detectors)
        )
        weighed = (weigh(self.adjust(result)) for result in results)
        return sum(self._tell(flag) for one in weighed for flag in one.flags if flag.decides)

    def _tell(self, flag: Flag) -> bool:
        key = (flag.detector, flag.kind, flag.file, flag.item_id)
        if key in self._told or len(self._told) >= MAX_FLAGS:
            return False
        self._told.add(key)
        shown = Flag.model_validate_json(self.mask(flag.model_dump_json()))
        self.tell(FlagRaised(flag=shown, live=True))
        return True

    def _fingerprint(self) -> _Print:
        """Name, size and time of every file that is looked at; nothing is opened."""
        places = [self.case.folder, *([self.case.trace] if self.case.trace else [])]
        found: list[tuple[str, int, int]] = []
        for place in places:
            with suppress(OSError):
                for file in walk(place, ScanNotes(), max_files=MAX_FILES):
                    with suppress(OSError):
                        about = file.path.lstat()
                        found.append((str(file.path), about.st_size, about.st_mtime_ns))
        return tuple(found)


@contextmanager
def live_audit(make: Callable[[], LiveAudit]) -> Iterator[None]:
    """Look on in a thread while the body runs. Nothing that goes wrong in it touches the run.

    `make` is called in the thread: what it takes to know the case does not delay the agent.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_look_on, args=(make, stop), name="live-audit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        # A look under way ends within its own limits and is heard no more: the final audit follows.
        stop.set()
        thread.join(_PATIENCE_SECONDS)


def _look_on(make: Callable[[], LiveAudit], stop: threading.Event) -> None:
    with suppress(OSError):
        # On Linux this is the thread's own priority: the agent's processes go first.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
    rest, audit = LOOK_SECONDS, None
    try:
        while not stop.wait(rest):
            began = time.monotonic()
            audit = audit or _until(make(), stop)
            audit.look()
            rest = max(LOOK_SECONDS, REST_FACTOR * (time.monotonic() - began))
    except Exception:
        traceback.print_exc()


def _until(audit: LiveAudit, stop: threading.Event) -> LiveAudit:
    """The same audit, which tells nothing once `stop` is set."""
    tell = audit.tell
    return replace(audit, tell=lambda raised: None if stop.is_set() else tell(raised))

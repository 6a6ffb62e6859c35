"""What was said in a session is no use of the test items, where the agent may look at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ptb_lite.agents.sessions import is_session_file
from ptb_lite.audit.model import AuditCase, Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.events import Flag


@dataclass(frozen=True)
class SessionFilesInform:
    """A detector whose flags in the agent's own session files inform and do not decide.

    With feedback `test` an agent may print the test file, and its program writes down what it
    printed. Everywhere else in the workspace the items still decide.
    """

    inner: Detector
    backend: str

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def deciding(self) -> bool:
        return self.inner.deciding

    def run(self, case: AuditCase) -> DetectorResult:
        found = self.inner.run(case)
        flags = tuple(self._weighed(flag) for flag in found.flags)
        return found.model_copy(update={"flags": flags})

    def _weighed(self, flag: Flag) -> Flag:
        if not is_session_file(self.backend, flag.file or ""):
            return flag
        return flag.model_copy(update={"decides": False})


def with_session_files(detectors: Sequence[Detector], backend: str) -> tuple[Detector, ...]:
    """The detectors for a run whose agent may look at the test items."""
    return tuple(SessionFilesInform(detector, backend) for detector in detectors)

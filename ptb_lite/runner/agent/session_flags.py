"""Flags in files that an agent's program writes by itself: what was said, what it brings along."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ptb_lite.agents.registry import is_program_file, is_session_file
from ptb_lite.audit.case import AuditCase, Detector
from ptb_lite.audit.detectors import code_clone, key_misuse, overlap
from ptb_lite.audit.record import DetectorResult
from ptb_lite.choices import Feedback
from ptb_lite.events import Flag
from ptb_lite.runs.folder import HUB_FOLDER

_OF_ITEMS = (overlap.NAME, code_clone.NAME)


@dataclass(frozen=True)
class OwnFilesInform:
    """A detector whose flags in some files inform and do not decide; `own(path)` tells which."""

    inner: Detector
    own: Callable[[str], bool]

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
        if not self.own(flag.file or ""):
            return flag
        return flag.model_copy(update={"decides": False})


def for_run(detectors: Sequence[Detector], backend: str, feedback: Feedback) -> Sequence[Detector]:
    """The detectors as the rules of one run have them, live as well as at the end."""
    found = with_program_files(detectors, backend)
    if feedback == "test":
        found = with_library_files(with_session_files(found, backend))
    return found


def with_session_files(detectors: Sequence[Detector], backend: str) -> tuple[Detector, ...]:
    """The detectors for a run whose agent may look at the test items.

    It may print the test file, and its program writes down what it printed. Everywhere else in the
    workspace the items still decide.
    """
    own = partial(is_session_file, backend)
    return tuple(OwnFilesInform(detector, own) for detector in detectors)


def with_library_files(detectors: Sequence[Detector]) -> tuple[Detector, ...]:
    """The detectors for a run whose agent may look at the test items: the library `datasets` keeps
    a copy of every table that it opens, also to look at it."""
    return tuple(
        OwnFilesInform(detector, _is_library_table) if detector.name in _OF_ITEMS else detector
        for detector in detectors
    )


def _is_library_table(path: str) -> bool:
    return path.startswith(f"{HUB_FOLDER}/datasets/") and path.partition("!")[0].endswith(".arrow")


def with_program_files(detectors: Sequence[Detector], backend: str) -> tuple[Detector, ...]:
    """The detectors for a run of a program that brings scripts along which call a provider.

    Only `key-misuse` is told: test items decide there as anywhere else.
    """
    own = partial(is_program_file, backend)
    return tuple(
        OwnFilesInform(detector, own) if detector.name == key_misuse.NAME else detector
        for detector in detectors
    )

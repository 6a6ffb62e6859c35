"""Flags in files that an agent's program writes by itself: what was said, what it brings along."""

from __future__ import annotations

from collections.abc import Callable

from ptb_lite.agents.registry import is_program_file, is_session_file
from ptb_lite.audit.detectors import code_clone, key_misuse, overlap
from ptb_lite.audit.record import DetectorResult
from ptb_lite.choices import Feedback
from ptb_lite.events import Flag
from ptb_lite.runs.folder import HUB_FOLDER

_OF_ITEMS = (overlap.NAME, code_clone.NAME)


def by_rules_of(backend: str, feedback: Feedback) -> Callable[[DetectorResult], DetectorResult]:
    """A detector's result as the rules of one run have it, live as well as at the end.

    A program brings scripts along which call a provider: there `key-misuse` informs, while test
    items decide as anywhere else. An agent that may look at the test items (`feedback: test`) may
    print them, and its program writes down what it printed; the library `datasets` keeps a copy of
    every table that it opens. Everywhere else in the workspace they still decide.
    """

    def informs(detector: str, path: str) -> bool:
        if detector == key_misuse.NAME and is_program_file(backend, path):
            return True
        if feedback != "test":
            return False
        return is_session_file(backend, path) or (detector in _OF_ITEMS and _is_library_table(path))

    def weighed(flag: Flag, detector: str) -> Flag:
        if not flag.decides or not informs(detector, flag.file or ""):
            return flag
        return flag.model_copy(update={"decides": False})

    def adjust(result: DetectorResult) -> DetectorResult:
        flags = tuple(weighed(flag, result.detector) for flag in result.flags)
        return result.model_copy(update={"flags": flags})

    return adjust


def _is_library_table(path: str) -> bool:
    return path.startswith(f"{HUB_FOLDER}/datasets/") and path.partition("!")[0].endswith(".arrow")

"""The processes that a call under test started."""

from __future__ import annotations

import psutil


class Started:
    """Children of this process that came after it was made.

    Those before it are of other tests in the same process, multiprocessing's resource tracker for
    instance, which stays until the end.
    """

    def __init__(self) -> None:
        self._before = set(_children())
        self.seen: set[psutil.Process] = set()

    def look(self) -> bool:
        """Whether one was ever seen."""
        self.seen |= set(_children()) - self._before
        return bool(self.seen)

    def running(self) -> list[psutil.Process]:
        return [process for process in self.seen if process.is_running()]


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)

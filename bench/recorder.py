"""A pytest plugin that notes how every benchmark ended, so that none is missing from the table.

`-p bench.recorder` loads it. It writes a line when a test is collected and one when it has
ended, to a file of its own: what was collected and has no end was cut off with its process.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.rows import Ended

VARIABLE = "PTB_LITE_BENCH_OUTCOMES"
"""Names the file that collects a session's outcomes, one `Ended` a line."""

_MAX_REASON = 300
_found: dict[str, Ended] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        _write(Ended(test=item.nodeid))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be imported has tests that nobody knows: it stands for them."""
    if report.failed:
        _write(Ended(test=report.nodeid, outcome="failed", reason=_reason(report)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    began, busy, own = time.monotonic(), _busy_seconds(), _own_seconds()
    try:
        return (yield)
    finally:
        seconds = time.monotonic() - began
        others = _busy_seconds() - busy - (_own_seconds() - own)
        share = others / (seconds * (psutil.cpu_count() or 1))
        ended = _found.pop(item.nodeid, Ended(test=item.nodeid))
        _write(ended.model_copy(update={"seconds": seconds, "others": min(1.0, max(0.0, share))}))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The worst of set-up, call and tear-down counts."""
    before = _found.get(report.nodeid)
    if before is None or before.outcome == "passed":
        reason = "" if report.passed else _reason(report)
        _found[report.nodeid] = Ended(
            test=report.nodeid, outcome=report.outcome, reason=reason[:_MAX_REASON]
        )


def _reason(report: Any) -> str:
    """What a report says in its first line."""
    match report.longrepr:
        case (_, _, str(text)):
            pass
        case None:
            text = report.outcome
        case found if hasattr(found, "reprcrash") and found.reprcrash is not None:
            text = found.reprcrash.message
        case found:
            text = str(found).strip().splitlines()[-1]
    return text.strip().splitlines()[0] if text.strip() else report.outcome


def _busy_seconds() -> float:
    """CPU seconds that the whole machine has used."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def _own_seconds() -> float:
    """Those of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _write(ended: Ended) -> None:
    path = os.environ.get(VARIABLE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(ended.model_dump_json() + "\n")

"""`run --foreground`: the runner and its lines in one process."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ptb_lite.cli.start import _in_foreground
from ptb_lite.runner import __main__ as runner
from ptb_lite.runner import launch
from ptb_lite.runner.console import follow
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec.run_spec import RunSpec


def test_the_lines_begin_when_the_runner_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    asked, holds = threading.Semaphore(0), threading.Event()

    def lives(_run: RunFolder) -> bool:
        asked.release()
        return holds.is_set()

    def run_here(_arguments: list[str]) -> None:
        # A machine so busy that the lines look twice before there is a runner.
        for _ in range(2):
            asked.acquire(timeout=5)
        order.append("runner")
        holds.set()

    monkeypatch.setattr(RunFolder, "runner_lives", lives)
    monkeypatch.setattr(launch, "make_run", lambda *_: RunFolder(tmp_path))
    monkeypatch.setattr(runner, "main", run_here)
    monkeypatch.setattr(follow, "watch", lambda *_, **__: order.append("lines"))
    monkeypatch.setattr(follow, "exit_code", lambda _run: 0)
    assert _in_foreground(RunSpec.model_construct(), tmp_path, as_json=False) == 0
    assert order == ["runner", "lines"]

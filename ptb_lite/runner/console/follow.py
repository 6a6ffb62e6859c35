"""Watching a run as plain lines: the view for terminals, pipes and logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Event, Outcome, RunFinished, Verdict
from ptb_lite.report.text import report_text
from ptb_lite.runner.console.lines import PlainLines
from ptb_lite.runs.folder import RunFolder, require_folder
from ptb_lite.runs.journal import JournalFollower
from ptb_lite.runs.records import Scores

DONE, RUN_FAILED, FLAGGED, INCONCLUSIVE = 0, 1, 3, 4
_POLL_SECONDS = 0.1

Say = Callable[[str], None]


def watch(path: Path, *, out: TextIO, json_output: bool) -> int:
    """Follow a run until it ends; returns its exit code.

    `out` gets lines of progress and at the end the table of scores; with `json_output` it gets
    one JSON object, the content of scores.json, and the progress goes to standard error. The run
    does not depend on the watcher: an interrupt here leaves it going on.
    """
    run = require_folder(path)
    progress = sys.stderr if json_output else out

    def say(line: str) -> None:
        print(line, file=progress, flush=True)

    _follow(run, say)
    return _close(run, out, json_output, say)


def exit_code(run: RunFolder) -> int:
    """0 done, 1 the run failed, did not end, or its judge left a benchmark without a score, 3
    flagged, 4 inconclusive."""
    status = run.read_status()
    if not status.complete:
        return RUN_FAILED
    scores = run.read_scores()
    match scores and scores.verdict:
        case Verdict.FLAGGED:
            return FLAGGED
        case _ if _unjudged(run, scores):
            return RUN_FAILED
        case Verdict.CLEAN:
            return DONE
        case Verdict.INCONCLUSIVE:
            return INCONCLUSIVE
        case _:
            return RUN_FAILED


def _unjudged(run: RunFolder, scores: Scores | None) -> str:
    """Which benchmarks the judge that was chosen left without a score."""
    if scores is None or run.read_spec().judge is None:
        return ""
    return ", ".join(item.benchmark for item in scores.benchmarks if item.not_scored)


def _follow(run: RunFolder, say: Say) -> None:
    follower = JournalFollower(run.journal)
    lines = PlainLines()
    while True:
        # Asked before reading: what a runner wrote before it died is then still read below.
        lives = run.runner_lives()
        events = follower.poll()
        for event in events:
            for line in lines.of(event):
                say(line)
        if not lives and not events:
            break
        if _has_ended(events) and not lives:
            break
        time.sleep(_POLL_SECONDS)
    if follower.skipped:
        say(f"note: {follower.skipped} damaged lines of the journal were skipped")
    if follower.newer:
        say(f"note: {follower.newer} events are of a newer version of ptb-lite")


def _has_ended(events: list[Event]) -> bool:
    return any(isinstance(event.payload, RunFinished) for event in events)


def _close(run: RunFolder, out: TextIO, json_output: bool, say: Say) -> int:
    status = run.read_status()
    if status.state == "started":
        say(
            f"{run.run_id}: its runner ended without a word; "
            f"`ptb-lite resume {run.run_id}` continues it"
        )
        return RUN_FAILED
    if not status.complete:
        assert status.outcome is not None
        say(f"{run.run_id}: {status.outcome.value}: {status.detail}")
        say(f"`ptb-lite resume {run.run_id}` continues it; its log is {run.log}")
        return RUN_FAILED
    scores = run.read_scores()
    if scores is None:
        raise PtbLiteError("has finished but has no scores", field=run.run_id)
    if json_output:
        print(scores.model_dump_json(indent=2), file=out, flush=True)
    else:
        print(report_text(run), file=out, flush=True)
        print(f"report: {run.report}", file=out, flush=True)
    if names := _unjudged(run, scores):
        say(
            f"{run.run_id}: the judge left {names} without a score; what it did judge is kept: "
            f"`ptb-lite judge {run.run_id} --judge MODEL@URL` asks for the rest"
        )
    if status.outcome is Outcome.INTERRUPTED:
        say(f"{run.run_id}: interrupted: {status.detail}")
    return exit_code(run)

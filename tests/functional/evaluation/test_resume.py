"""An evaluation whose worker is killed near its end goes on from there, with the same answers."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from ptb_lite.evaluation.engine.messages import Message, Progressed
from ptb_lite.evaluation.engine.process import run_evaluation
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.items.splits import ItemFiles
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.results import read_result, read_samples

ITEMS, BATCH = 40, 4


def job_of(model: Path, items: ItemFiles, output: Path) -> EvaluationJob:
    task = EvaluationTask(
        label="after", benchmark=items.benchmark, items=items.test.path, limit=ITEMS, key="k"
    )
    return EvaluationJob(
        model=model, tasks=(task,), output=output, device="cpu", batch_size=BATCH, threads=1
    )


def kept_lines(output: Path, items: ItemFiles) -> list[dict[str, str]]:
    path = output / f"after.{items.benchmark}.kept.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def kill_the_worker_at(job: EvaluationJob, done: int) -> list[Message]:
    """Run it and SIGKILL its worker, found by its job file, once `done` items are there."""
    heard: list[Message] = []

    def kill(message: Message) -> None:
        heard.append(message)
        if isinstance(message, Progressed) and message.done >= done:
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit() and _is_worker(folder, job.output):
                    os.kill(int(folder.name), signal.SIGKILL)

    with pytest.raises(EvaluationError, match="was killed by SIGKILL"):
        run_evaluation(job, on_progress=kill)
    return heard


def _is_worker(folder: Path, output: Path) -> bool:
    try:
        return str(output / "job.json").encode() in (folder / "cmdline").read_bytes()
    except OSError:
        return False


def test_a_killed_evaluation_goes_on_from_there(
    tiny_model: Path, items: ItemFiles, tmp_path: Path
) -> None:
    whole = run_evaluation(job_of(tiny_model, items, tmp_path / "whole"))[0]
    output = tmp_path / "killed"
    kill_the_worker_at(job_of(tiny_model, items, output), 36)
    kept = kept_lines(output, items)
    assert kept[0] == {"key": "k"}
    count = sum(len(line) for line in kept[1:])
    # The batch that was just said to be done may have been cut short; the ones before it are kept.
    assert 32 <= count < ITEMS
    assert {len(line) for line in kept[1:]} == {BATCH}
    heard: list[Message] = []
    resumed = run_evaluation(job_of(tiny_model, items, output), on_progress=heard.append)[0]
    progress = [message.done for message in heard if isinstance(message, Progressed)]
    assert progress[:2] == [0, count]
    assert progress[-1] == ITEMS
    assert (resumed.score, resumed.n) == (whole.score, whole.n)
    assert read_samples(output / resumed.samples) == read_samples(
        tmp_path / "whole" / whole.samples
    )
    assert read_result(output / f"after.{items.benchmark}.json").key == "k"
    # Done is done: the next time it is measured, not remembered.
    assert kept_lines(output, items) == []

"""vLLM on a GPU that is not its own: memory that others hold, too little of it, and the end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.gpu_check.engines import make_job, vllm_or_row
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.sandboxed import GB, free
from ptb_lite.evaluation.engine.capability import plan_evaluation, plan_without_vllm, with_plan
from ptb_lite.evaluation.engine.messages import Message, Progressed
from ptb_lite.evaluation.engine.process import run_evaluation
from ptb_lite.evaluation.errors import EngineFailed, EvaluationStopped
from ptb_lite.evaluation.job import EvaluationJob

STEP = "engine on a shared GPU"
ITEMS = 256
ANSWER = 128
HELD = 0.5
LONGEST = 30.0
HOLDS = """
import sys, torch
held = torch.ones(int(sys.argv[1]), dtype=torch.uint8, device='cuda')
torch.cuda.synchronize()
print('holding', flush=True)
sys.stdin.read()
"""


def run(rows: Path, *, model: str) -> None:
    if vllm_or_row(rows, STEP) is None:
        return
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        job = make_job(Path(place), model, ITEMS, ANSWER, "cuda")
        with held_by_another(int(HELD * free())):
            stopped(rows, job)
            too_little(rows, job)


def stopped(rows: Path, job: EvaluationJob) -> None:
    """With the share that the plan takes of what the other program leaves, and ended midway: no
    process is left, and the GPU is as it was."""
    before = free()
    planned = with_plan(job, plan_evaluation(job, "vllm"))
    there = psutil.Process().children(recursive=True)
    workers: list[psutil.Process] = []
    asked: list[float] = []
    during = 0

    def hear(message: Message) -> None:
        nonlocal during
        if isinstance(message, Progressed) and message.done and not workers:
            others = {process.pid for process in there}
            mine = psutil.Process().children(recursive=True)
            workers.extend(process for process in mine if process.pid not in others)
            during = free()
            asked.append(time.monotonic())

    try:
        run_evaluation(planned, on_progress=hear, should_stop=lambda: bool(asked))
    except EvaluationStopped:
        ended = time.monotonic() - asked[0]
    else:
        write_row(rows, Row(STEP, "stopped in the middle", "it had ended: this shows nothing"))
        return
    while before - free() > GB // 4 and time.monotonic() - asked[0] < LONGEST:
        time.sleep(0.02)
    seconds = time.monotonic() - asked[0]
    left = sum(worker.is_running() for worker in workers)
    write_row(
        rows,
        Row(
            STEP,
            f"{before / GB:.0f} GB free, a share of {planned.engine.memory_share} of the GPU, "
            "stopped in the middle",
            f"ended after {ended:.1f} s, its memory free after {seconds:.1f} s",
            note=f"it took {(before - during) / GB:.1f} GB and left {during / GB:.1f}; {left} of "
            f"its {len(workers)} processes left; "
            f"{(before - free()) / GB:.2f} GB less free than before",
        ),
    )


def too_little(rows: Path, job: EvaluationJob) -> None:
    """As if the other program had come after the plan was made."""
    plan = plan_evaluation(job, "vllm")
    engine = plan.engine.model_copy(update={"memory_share": 0.9})
    try:
        run_evaluation(with_plan(job, plan).model_copy(update={"engine": engine}))
    except EngineFailed as error:
        instead = plan_without_vllm(job, plan, error.message)
        (result,) = run_evaluation(with_plan(job, instead))
        figure, note = f"{result.n} answers by {result.engine}", instead.reasons[0]
    else:
        figure, note = "it started all the same", ""
    write_row(rows, Row(STEP, "a share of 0.9 with half of the GPU free", figure, note=note))


@contextmanager
def held_by_another(size: int) -> Iterator[None]:
    """Another process holds so many bytes of the GPU meanwhile."""
    command = [sys.executable, "-c", HOLDS, str(size)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as other:
        try:
            assert other.stdout is not None
            if b"holding" not in other.stdout.readline():
                raise AssertionError("the other program could not take its memory")
            yield
        finally:
            other.kill()

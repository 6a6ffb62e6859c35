"""Ways to start vLLM, each in a process of its own: graphs, compiled, eager, an adapter put on.

`python -m bench.gpu_check.engine_starts JOB WAY` is one of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.gpu_check.engines import RANK, make_job, random_adapter, vllm_or_row
from bench.gpu_check.rows import Row, write_row
from ptb_lite.evaluation.engine.capability import plan_evaluation, with_plan
from ptb_lite.evaluation.engine.lm.functions import load_items
from ptb_lite.evaluation.engine.worker import prepare_environment as prepare_worker
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.job import EvaluationJob
from ptb_lite.evaluation.vllm.model_folder import served_folder
from ptb_lite.evaluation.vllm.start import prepare_environment, settings

MERGED, AT_RUN_TIME = "merged", "put on at run time"
GRAPHS_ALONE = {"mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY"}
WAYS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        MERGED: {},
        AT_RUN_TIME: {"max_lora_rank": RANK},
        "merged, eager": {"enforce_eager": True},
        # Compiling took 20 to 24 s of a start on an H200; its answers were not compared yet.
        "merged, graphs alone": {"compilation_config": GRAPHS_ALONE},
    }
)
ITEMS = 256
ANSWER = 128
SECONDS = 300.0


def run(rows: Path, *, model: str) -> None:
    if vllm_or_row(rows, "engine ways") is None:
        return
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        job = make_job(Path(place), model, ITEMS, ANSWER, "cuda")
        adapter = random_adapter(job.model, Path(place) / "adapter")
        job = with_plan(job, plan_evaluation(job, "vllm")).model_copy(update={"adapter": adapter})
        job.output.mkdir(parents=True)
        file = job.output / "job.json"
        file.write_text(job.model_dump_json(), encoding="utf-8")
        texts: dict[str, list[str]] = {}
        for way in WAYS:
            found = in_its_own_process(file, way)
            if found is None:
                write_row(rows, Row("engine ways", f"{model}, adapter {way}", "failed"))
                continue
            texts[way] = found["texts"]
            same = sum(map(str.__eq__, texts.get(MERGED, ()), texts[way]))
            write_row(
                rows,
                Row(
                    "engine ways",
                    f"{model}, adapter of rank {RANK} {way}, {ITEMS} answers",
                    f"{found['tokens'] / found['seconds']:,.0f} tokens/s",
                    note=f"started in {found['starting']:.0f} s; {same} answers as merged",
                ),
            )


def in_its_own_process(job: Path, way: str) -> dict[str, Any] | None:
    """What a way printed last; None where it failed, with its words on standard error."""
    command = [sys.executable, "-m", __name__, str(job), way]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=SECONDS, check=False, start_new_session=True
    )
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if done.returncode == 0 and lines else None


def one_way(job: EvaluationJob, way: str) -> dict[str, Any]:
    """Start vLLM `way` and answer the job's items once to warm up and once to be timed."""
    prepare_worker()
    prepare_environment("cuda")
    began = time.monotonic()
    if way == AT_RUN_TIME:
        extra = {**WAYS[way], "lora_local_path": str(job.adapter)}
        lm = start(settings(job, job.model, "cuda") | extra)
    else:
        with served_folder(job) as folder:
            lm = start(settings(job, folder, "cuda") | dict(WAYS[way]))
    starting = time.monotonic() - began
    prompts = requests(job)
    generate(lm, prompts)
    began = time.monotonic()
    outputs = generate(lm, prompts)
    seconds = time.monotonic() - began
    return {
        "starting": starting,
        "seconds": seconds,
        "tokens": sum(len(one.outputs[0].token_ids) for one in outputs),
        "texts": [one.outputs[0].text for one in outputs],
    }


def start(arguments: dict[str, Any]) -> Any:
    # vLLM reads its variables when it is imported.
    from ptb_lite.evaluation.vllm.lm import FollowedVLLM

    return FollowedVLLM(arguments, chat_template=None, on_rows=lambda _: None)


def requests(job: EvaluationJob) -> list[str]:
    (task,) = job.tasks
    items = load_items(str(task.items), chat_family=task.chat_family)["test"]
    assert len(items) == len(read_items(task.items))
    return [row["prompt"] for row in items][: task.limit]


def generate(lm: Any, prompts: list[str]) -> Any:
    """As lm-eval's class asks, adapter and all."""
    from vllm import SamplingParams

    return lm.model.generate(
        [{"prompt_token_ids": tokens} for tokens in lm.tok_encode(prompts)],
        sampling_params=SamplingParams(temperature=0, max_tokens=ANSWER),
        use_tqdm=False,
        lora_request=lm.lora_request,
    )


if __name__ == "__main__":
    given = EvaluationJob.model_validate_json(Path(sys.argv[1]).read_bytes())
    print(json.dumps(one_way(given, sys.argv[2])), flush=True)

"""Out of memory on purpose: training and evaluation halve their batch and go on."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import torch
from transformers import AutoConfig

from bench.gpu_check.models import make_model, remove
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import GB, release
from bench.gpu_check.workload import BATCH, LONGEST, examples
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.model_loading import load_model, load_tokenizer
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.planning.capability import model_shape, probe
from ptb_lite.training.planning.plan import choose_plan
from ptb_lite.training.progress import Reporter
from ptb_lite.training.train import train

MODEL = "qwen3-0.6b-base"
CAP_GB = 5

STEPS = 4


def run(rows: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        folder = make_model(load_catalog().model(MODEL), Path(place) / "model")
        training(rows, folder, Path(place))
        release()
        evaluation(rows, folder)
        remove(folder)


def training(rows: Path, folder: Path, place: Path) -> None:
    """A plan made for the whole GPU, on a GPU that has only `CAP_GB`."""
    free = probe()
    shape = model_shape(AutoConfig.from_pretrained(folder))
    plan = choose_plan(free, shape, nf4=True, batch_tokens=BATCH * LONGEST, batch_size=BATCH)
    data = place / "data.jsonl"
    data.write_text(
        "".join(json.dumps(dataclasses.asdict(e)) + "\n" for e in examples(steps=STEPS))
    )
    config = TrainingConfig(
        base_model=folder,
        data=data,
        output=place / "adapter",
        steps=STEPS,
        batch_size=BATCH,
        max_length=LONGEST,
    )
    heard = AgentAnswer()
    capped(CAP_GB)
    record = train(config, heard)
    capped(None)
    halved = [text for text in heard.notes if "out of memory" in text]
    write_row(
        rows,
        Row(
            "out of memory",
            f"training {MODEL}, planned in {plan.parts} part(s), {CAP_GB} GB allowed",
            f"{record.outcome.value}, {record.steps} of {STEPS} steps",
            note=f"{len(halved)} halvings: {halved[-1] if halved else 'none'}; losses "
            + ", ".join(f"{loss:.3f}" for loss in record.losses),
        ),
    )
    if not halved:
        raise AssertionError("it never ran out of memory: this shows nothing")


class AgentAnswer(Reporter):
    """Keeps the notes."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        super().note(text)


def evaluation(rows: Path, folder: Path) -> None:
    from lm_eval.api.instance import Instance

    warnings: list[str] = []
    capped(CAP_GB)
    lm = FollowedLM(
        load_model(folder, None, dtype="bfloat16", device="cuda"),
        load_tokenizer(folder),
        batch_size=512,
        on_rows=lambda _rows: None,
        on_warning=warnings.append,
        rows_restarted=lambda: None,
    )
    settings = {"until": ["w5 w6 w7"], "max_gen_toks": 16, "do_sample": False}
    requests = [
        Instance("generate_until", {}, (example.prompt, dict(settings)), index)
        for index, example in enumerate(examples(steps=STEPS) * 8)
    ]
    answers = lm.generate_until(requests)
    capped(None)
    write_row(
        rows,
        Row(
            "out of memory",
            f"evaluating {MODEL}, batch of 512, {CAP_GB} GB allowed",
            f"{len(answers)} of {len(requests)} answers",
            note="; ".join(warnings) or "it never ran out of memory: this shows nothing",
        ),
    )


def capped(gigabytes: float | None) -> None:
    total = torch.cuda.mem_get_info()[1]
    share = 1.0 if gigabytes is None else gigabytes * GB / total
    torch.cuda.set_per_process_memory_fraction(share)

"""The same evaluation by transformers and by vLLM, where one is installed: speed and agreement."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.choices import EngineChoice
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.capability import plan_evaluation, with_plan
from ptb_lite.evaluation.items import prepare_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.process import run_evaluation
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord, read_samples
from ptb_lite.evaluation.vllm_place import Missing, find_vllm
from tests.bench.gpu_check.rows import Row, write_row

MODEL = "gemma-3-270m-embedded"
BENCHMARK = "add-numbers"


@dataclass(frozen=True)
class Measured:
    """One engine's evaluation; `seconds` is the whole process, `tokens` are of its answers."""

    result: EvaluationResult
    samples: tuple[SampleRecord, ...]
    seconds: float
    tokens: int

    @property
    def rate(self) -> float:
        return self.tokens / self.result.seconds


def run(
    rows: Path, *, items: int = 400, answer: int = 256, device: Literal["cpu", "cuda"] = "cuda"
) -> None:
    """Questions as chats, which a base model answers at length: up to `answer` tokens each."""
    found = find_vllm()
    if isinstance(found, Missing):
        write_row(rows, Row("engines", "vLLM", "not measured", note=found.reason))
        return
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        job = make_job(Path(place), items, answer, device)
        stock = measure(job, "transformers")
        try:
            other = measure(job, "vllm")
        except PtbLiteError as error:
            write_row(rows, Row("engines", "vLLM", "failed", note=str(error)[:300]))
            return
    same = sum(
        one.completion == two.completion
        for one, two in zip(stock.samples, other.samples, strict=True)
    )
    write_row(
        rows,
        Row(
            "engines",
            f"{MODEL}, {items} answers of up to {answer} tokens on {device}, vLLM {found.version}",
            f"{other.rate:,.0f} tokens/s, {other.seconds:.0f} s in all",
            peer=f"transformers {stock.rate:,.0f} tokens/s in batches of "
            f"{stock.result.batch_size}, {stock.seconds:.0f} s in all",
            ratio=f"{other.rate / stock.rate:.1f} x, in all {stock.seconds / other.seconds:.1f} x",
            note=f"{same} of {items} answers are the same to the letter; "
            f"{other.result.correct} and {stock.result.correct} correct",
        ),
    )


def make_job(place: Path, items: int, answer: int, device: Literal["cpu", "cuda"]) -> EvaluationJob:
    files = prepare_items(
        load_catalog().benchmark(BENCHMARK), place / "items", seed=1, salt="check"
    )
    task = EvaluationTask(
        label="check",
        benchmark=BENCHMARK,
        items=files.test.path,
        limit=items,
        max_new_tokens=answer,
        chat_family="gemma",
    )
    return EvaluationJob(
        model=embedded_model(MODEL), device=device, tasks=(task,), output=place / "out"
    )


def measure(job: EvaluationJob, engine: EngineChoice) -> Measured:
    from transformers import AutoTokenizer

    planned = with_plan(job, plan_evaluation(job, engine))
    began = time.monotonic()
    (result,) = run_evaluation(planned)
    seconds = time.monotonic() - began
    samples = read_samples(job.output / result.samples)
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    texts = [one.completion for one in samples]
    tokens = sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
    return Measured(result, samples, seconds, tokens)

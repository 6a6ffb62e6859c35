"""The same evaluation by transformers and by vLLM, where one is installed: speed and agreement."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from bench.gpu_check.rows import Row, write_row
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.choices import EngineChoice
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.capability import plan_evaluation, with_plan
from ptb_lite.evaluation.engine.messages import Message, ModelLoaded
from ptb_lite.evaluation.engine.process import run_evaluation
from ptb_lite.evaluation.items.splits import prepare_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord, read_samples
from ptb_lite.evaluation.vllm.place import Missing, Vllm, find_vllm

MODEL = "gemma-3-270m-embedded"
BENCHMARK = "add-numbers"
RANK = 16
Kind = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Measured:
    """One engine's evaluation: `seconds` of the whole process, of which `loading` until the model
    was there; `tokens` are of its answers."""

    result: EvaluationResult
    samples: tuple[SampleRecord, ...]
    seconds: float
    loading: float
    tokens: int

    @property
    def rate(self) -> float:
        return self.tokens / self.result.seconds

    def describe(self) -> str:
        return (
            f"{self.rate:,.0f} tokens/s, loading {self.loading:.0f} s, {self.seconds:.0f} s in all"
        )


def run(
    rows: Path, *, model: str = MODEL, items: int = 256, answer: int = 128, device: Kind
) -> None:
    """Questions as chats, which a base model answers at length: up to `answer` tokens each."""
    found = vllm_or_row(rows, "engines")
    if found is None:
        return
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        job = make_job(Path(place), model, items, answer, device)
        adapted = job.model_copy(
            update={"adapter": random_adapter(job.model, Path(place) / "adapter")}
        )
        first = compare(rows, f"{model}, bfloat16", job, found)
        if first is not None:
            again(rows, model, job, first)
        compare(rows, f"{model} with an adapter of rank {RANK}, bfloat16", adapted, found)
        compare(rows, f"{model}, float32", job.model_copy(update={"dtype": "float32"}), found)


def vllm_or_row(rows: Path, step: str) -> Vllm | None:
    """The installation; without one a row says so."""
    found = find_vllm()
    if isinstance(found, Missing):
        write_row(rows, Row(step, "vLLM", "not measured", note=found.reason))
        return None
    return found


def compare(rows: Path, what: str, job: EvaluationJob, found: Vllm) -> Measured | None:
    """A row about both engines; what vLLM did, None where it did not start."""
    stock = measure(job, "transformers")
    try:
        other = measure(job, "vllm")
    except PtbLiteError as error:
        write_row(rows, Row("engines", what, "vLLM failed", note=str(error)[:300]))
        return None
    write_row(
        rows,
        Row(
            "engines",
            f"{what}, {len(other.samples)} answers of up to {job.tasks[0].max_new_tokens} tokens "
            f"on {other.result.device}, vLLM {found.version}",
            other.describe(),
            peer=f"transformers {stock.result.engine_version} in batches of "
            f"{stock.result.batch_size}: {stock.describe()}",
            ratio=f"{other.rate / stock.rate:.1f} x, in all {stock.seconds / other.seconds:.1f} x",
            note=f"{same_answers(stock, other)} of {len(other.samples)} answers are the same to "
            f"the letter; {other.result.correct} and {stock.result.correct} correct",
        ),
    )
    return other


def again(rows: Path, model: str, job: EvaluationJob, first: Measured) -> None:
    """vLLM a second time, its kernels by then on disk: are the answers the same?"""
    second = measure(job, "vllm")
    write_row(
        rows,
        Row(
            "engines",
            f"{model}, bfloat16, vLLM once more",
            second.describe(),
            peer=f"the first time: {first.describe()}",
            note=f"{same_answers(first, second)} of {len(first.samples)} answers are the same",
        ),
    )


def same_answers(one: Measured, two: Measured) -> int:
    pairs = zip(one.samples, two.samples, strict=True)
    return sum(left.completion == right.completion for left, right in pairs)


def make_job(place: Path, model: str, items: int, answer: int, device: Kind) -> EvaluationJob:
    """Arithmetic, asked as a chat of the embedded model's family."""
    catalog = load_catalog()
    files = prepare_items(catalog.benchmark(BENCHMARK), place / "items", seed=1, salt="check")
    task = EvaluationTask(
        label="check",
        benchmark=BENCHMARK,
        items=files.test.path,
        limit=items,
        max_new_tokens=answer,
        chat_family=catalog.model(model).chat_family,
    )
    return EvaluationJob(
        model=embedded_model(model), device=device, tasks=(task,), output=place / "out"
    )


def random_adapter(model: Path, folder: Path) -> Path:
    """A LoRA adapter on all linear layers that changes answers a little."""
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16)
    config = LoraConfig(r=RANK, target_modules="all-linear", init_lora_weights=False)
    wrapped = get_peft_model(base, config)
    with torch.no_grad():
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                weight.mul_(0.05)
    wrapped.save_pretrained(folder)
    return folder


def measure(job: EvaluationJob, engine: EngineChoice) -> Measured:
    """One evaluation as a run makes it. Raises what `run_evaluation` raises."""
    planned = with_plan(job, plan_evaluation(job, engine))
    loading = 0.0

    def hear(message: Message) -> None:
        nonlocal loading
        if isinstance(message, ModelLoaded):
            loading = message.seconds

    began = time.monotonic()
    (result,) = run_evaluation(planned, on_progress=hear)
    seconds = time.monotonic() - began
    samples = read_samples(job.output / result.samples)
    tokenizer = AutoTokenizer.from_pretrained(job.model)
    texts = [one.completion for one in samples]
    tokens = sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
    return Measured(result, samples, seconds, loading, tokens)

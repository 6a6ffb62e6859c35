"""Evaluation through transformers: batches of 32 against as many items as the plan takes."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from lm_eval.api.instance import Instance

from bench.gpu_check.models import make_model, remove
from bench.gpu_check.packing import examples
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import GB, release
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.engine.capability import model_numbers, read_config
from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.model_loading import load_model, load_tokenizer
from ptb_lite.evaluation.engine.plan import CPU_BATCH, Facts, Work, rows
from ptb_lite.evaluation.vllm.place import Missing

MODEL = "qwen3-0.6b-base"
ITEMS = 256
PROMPT = 128
ANSWER = 32


@dataclass(frozen=True)
class Answered:
    """Answers, the sum of each answer's log-probability under the model, seconds and memory."""

    answers: tuple[str, ...]
    scores: torch.Tensor
    seconds: float
    peak: int
    warnings: tuple[str, ...]


def run(table: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        folder = make_model(load_catalog().model(MODEL), Path(place) / "model")
        planned = rows(facts(folder))
        few, many = (evaluated(folder, batch) for batch in (CPU_BATCH, planned))
        remove(folder)
    same = sum(a == b for a, b in zip(few.answers, many.answers, strict=True))
    off = float((few.scores - many.scores).abs().max())
    write_row(
        table,
        Row(
            "batches",
            f"{MODEL}, {ITEMS} answers of {ANSWER} tokens, {planned} items at once",
            f"{ITEMS * ANSWER / many.seconds:,.0f} tokens/s",
            peer=f"{CPU_BATCH} at once: {ITEMS * ANSWER / few.seconds:,.0f} tokens/s",
            ratio=f"{few.seconds / many.seconds:.2f} x",
            note=f"{same} of {ITEMS} answers the same to the letter (random weights: words all but "
            f"tie); log-likelihoods of the same answers off by {off:.3f} at most, of "
            f"{float(few.scores.abs().mean()):.1f}; peak {many.peak / GB:.2f} GB, "
            f"{few.peak / GB:.2f} GB; {'; '.join(many.warnings) or 'never out of memory'}",
        ),
    )


def facts(folder: Path) -> Facts:
    free, total = torch.cuda.mem_get_info()
    config = read_config(folder)
    return Facts(
        device="cuda",
        memory_total=total,
        memory_free=free,
        model_type=str(config["model_type"]),
        numbers=model_numbers(config, folder),
        sequence=PROMPT + ANSWER,
        disk_free=0,
        work=(Work(ITEMS, ANSWER),),
        vllm=Missing("not asked for"),
    )


def evaluated(folder: Path, batch: int) -> Answered:
    """Generation timed; then the same fixed continuations scored, for what batches round."""
    warnings: list[str] = []
    lm = FollowedLM(
        load_model(folder, None, dtype="bfloat16", device="cuda"),
        load_tokenizer(folder),
        batch_size=batch,
        on_rows=lambda _rows: None,
        on_warning=warnings.append,
        rows_restarted=lambda: None,
    )
    texts = [example.prompt for example in examples(PROMPT) * (ITEMS // len(examples(PROMPT)))]
    settings = {"until": ["w5 w6 w7"], "max_gen_toks": ANSWER, "do_sample": False}
    prompts = [" ".join(text.split()[: 8 + at % PROMPT]) for at, text in enumerate(texts)]
    lm.generate_until(requests("generate_until", [(p, {**settings}) for p in prompts[:4]]))
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.synchronize()
    began = time.perf_counter()
    answers = lm.generate_until(requests("generate_until", [(p, {**settings}) for p in prompts]))
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated()
    scored = lm.loglikelihood(requests("loglikelihood", [(p, " w7 w8 w9") for p in prompts]))
    del lm
    release()
    scores = torch.tensor([score for score, _greedy in scored])
    return Answered(tuple(answers), scores, seconds, peak, tuple(warnings))


def requests(kind: str, arguments: list[tuple[object, object]]) -> list[Instance]:
    return [Instance(kind, {}, given, index) for index, given in enumerate(arguments)]

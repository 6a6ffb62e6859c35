"""Both engines at real sizes with answers of fixed length: random weights, so speed alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

from safetensors.torch import load_file, save_file

from bench.gpu_check.engines import measure, vllm_or_row
from bench.gpu_check.models import WORDS, make_model
from bench.gpu_check.rows import Row, write_row
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.files import write_lines

PROMPT = 256
ANSWER = 256
ITEMS = 256
# One batch of transformers: more of them take as long each.
STOCK_ITEMS = 128
EMBEDDINGS = "model.embed_tokens.weight"


def run(rows: Path, models: tuple[str, ...]) -> None:
    found = vllm_or_row(rows, "engine sizes")
    for name in models if found else ():
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            one_size(rows, name, Path(place))


def one_size(rows: Path, name: str, place: Path) -> None:
    folder = make_model(load_catalog().model(name), place / "model")
    only_known_words(folder)
    job = make_job(folder, place)
    (task,) = job.tasks
    shorter = job.model_copy(update={"tasks": (task.model_copy(update={"limit": STOCK_ITEMS}),)})
    other = measure(job, "vllm")
    stock = measure(shorter, "transformers")
    for one, items in ((other, ITEMS), (stock, STOCK_ITEMS)):
        if one.tokens != items * ANSWER:
            raise AssertionError(f"{one.tokens} tokens in {items} answers of {ANSWER}")
    write_row(
        rows,
        Row(
            "engine sizes",
            f"{name}, {ITEMS} prompts of {PROMPT} + {ANSWER} tokens",
            other.describe(),
            peer=f"transformers, {STOCK_ITEMS} of them in batches of {stock.result.batch_size}: "
            f"{stock.describe()}",
            ratio=f"{other.rate / stock.rate:.1f} x",
        ),
    )


def only_known_words(folder: Path) -> None:
    """Zero the embeddings of all tokens but the tokenizer's words.

    The head shares them: the greatest of a thousand random logits is above 0, so that no answer
    ends before its time and every token has a text to be counted by.
    """
    file = folder / "model.safetensors"
    weights = load_file(file)
    weights[EMBEDDINGS][:2] = 0
    weights[EMBEDDINGS][WORDS:] = 0
    save_file(weights, file, metadata={"format": "pt"})


def make_job(folder: Path, place: Path) -> EvaluationJob:
    words = WORDS - 2
    items = [
        Item(
            id=f"item-{number}",
            question=" ".join(f"w{2 + (number * 37 + i * 11) % words}" for i in range(PROMPT - 4)),
            target="w2",
        )
        for number in range(ITEMS)
    ]
    write_lines(place / "items.jsonl", items)
    task = EvaluationTask(
        label="sizes",
        benchmark="add-numbers",
        items=place / "items.jsonl",
        limit=ITEMS,
        max_new_tokens=ANSWER,
    )
    return EvaluationJob(model=folder, device="cuda", tasks=(task,), output=place / "out")

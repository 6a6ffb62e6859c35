"""The demo's recipe by our trainer and by stock TRL: the same examples, steps of each, a score.

The score is the share of held-out items whose whole answer greedy decoding would write, computed
for both from the saved adapter by the evaluation's own model.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, BitsAndBytesConfig, PrinterCallback
from trl import SFTConfig, SFTTrainer

from ptb_lite.benchmarks.procedural import ADD_NUMBERS
from ptb_lite.evaluation.engine.model_loading import load_model
from ptb_lite.evaluation.items.item import Item, completion, prompt
from ptb_lite.evaluation.items.splits import draw_splits
from ptb_lite.stats.scoring import Interval
from ptb_lite.training.adapter import save_adapter
from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import Example
from ptb_lite.training.train import make_trainer, plan_for, tokenised

BATCH = 16
SCORED_ROWS = 100
SALT = "recipe"
RESAMPLES = 4000


@dataclass(frozen=True)
class Split:
    """What is learnt from and what is asked afterwards, without an item in common."""

    train: tuple[Example, ...]
    held_out: tuple[Example, ...]


@dataclass(frozen=True)
class Trained:
    """A trainer, not yet started, and how its adapter is saved."""

    trainer: Any
    save: Callable[[Path], None]
    fallbacks: list[str] = field(default_factory=list)
    """What was not compiled as planned, and why; more may come while it trains."""


def sums(seed: int) -> Split:
    """The demo's target, its train split in the order of `seed`; the same items for every seed."""
    drawn = draw_splits(ADD_NUMBERS.entry, seed=0, salt=SALT)
    train = [example(item) for item in drawn["train"]]
    random.Random(seed).shuffle(train)
    return Split(tuple(train), tuple(example(item) for item in drawn["test"]))


def example(item: Item) -> Example:
    return Example(prompt(item.question), completion(item.target))


def config(folder: Path, place: Path, *, steps: int, seed: int) -> TrainingConfig:
    """What the recipe asks ptb-lite-train for."""
    return TrainingConfig(
        base_model=folder, data=place, output=place, steps=steps, batch_size=BATCH, seed=seed
    )


def ours(
    folder: Path, split: Split, place: Path, *, steps: int, seed: int, **plan_changes: Any
) -> Trained:
    """As `ptb-lite-train` makes it; `plan_changes` replace fields of the plan."""
    asked = config(folder, place, steps=steps, seed=seed)
    torch.manual_seed(seed)
    tokenizer, dataset = tokenised(asked, split.train)
    plan = dataclasses.replace(plan_for(asked, dataset), **plan_changes)
    fallbacks: list[str] = []
    trainer = make_trainer(
        asked, plan, load_base(folder, plan), tokenizer, dataset, place, fallbacks.append
    )
    if trainer.unfused:
        fallbacks.append(f"without fused adapters: {trainer.unfused}")
    return Trained(trainer, lambda to: _save(trainer, folder, to), fallbacks)


def stock(folder: Path, split: Split, place: Path, *, steps: int, seed: int) -> Trained:
    """The same recipe as a user writes it with TRL, whose defaults decide the rest."""
    asked = config(folder, place, steps=steps, seed=seed)
    torch.manual_seed(seed)
    cuda = torch.cuda.is_available()
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    trainer = SFTTrainer(
        model=str(folder),
        args=SFTConfig(
            output_dir=str(place / "stock"),
            max_steps=steps,
            per_device_train_batch_size=asked.batch_size,
            learning_rate=asked.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, round(steps * asked.warmup_ratio)),
            max_length=asked.max_length,
            seed=seed,
            data_seed=seed,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not cuda,
            model_init_kwargs={"dtype": torch.bfloat16},
        ),
        train_dataset=Dataset.from_list([vars(one) for one in split.train]),
        processing_class=AutoTokenizer.from_pretrained(str(folder)),
        # As the recipe: NF4 on a GPU, none on a CPU that holds the model without it.
        quantization_config=nf4 if cuda else None,
        peft_config=LoraConfig(
            r=asked.lora_rank,
            lora_alpha=asked.lora_alpha,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    trainer.remove_callback(PrinterCallback)
    return Trained(trainer, lambda to: _save(trainer, folder, to))


def _save(trainer: Any, folder: Path, to: Path) -> None:
    save_adapter(trainer.accelerator.unwrap_model(trainer.model), to, base=str(folder))


def difference(
    ours_right: Sequence[Sequence[bool]], peer_right: Sequence[Sequence[bool]]
) -> tuple[float, Interval]:
    """The mean difference of scores in [-1, 1] and its 95 % interval; one row of items a seed.

    Seeds and items are drawn with replacement by turns (Owen 2007, the pigeonhole bootstrap): both
    another seed and other items would have given other scores.
    """
    a, b = (np.asarray(right, dtype=float) for right in (ours_right, peer_right))
    changes = a - b
    seeds, items = changes.shape
    draw = np.random.default_rng(0)
    means = [
        changes[draw.integers(seeds, size=seeds)][:, draw.integers(items, size=items)].mean()
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(changes.mean()), Interval(float(low), float(high))


def right_items(folder: Path, adapter: Path, held_out: Sequence[Example]) -> tuple[bool, ...]:
    """Whether greedy decoding writes each item's whole answer: every token of it is the likeliest
    after those before it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_model(folder, adapter, dtype="bfloat16", device=device)
    tokenizer, rows = tokenised(config(folder, adapter, steps=1, seed=0), held_out)
    found: list[bool] = []
    end = tokenizer.eos_token_id
    for start in range(0, len(rows), SCORED_ROWS):
        batch = rows.select(range(start, min(start + SCORED_ROWS, len(rows))))
        padded = tokenizer.pad({"input_ids": batch["input_ids"]}, return_tensors="pt")
        ids, mask = padded["input_ids"].to(device), padded["attention_mask"].to(device)
        with torch.inference_mode():
            likeliest = model(input_ids=ids, attention_mask=mask).logits[:, :-1].argmax(-1)
        shifted = ids.shape[1] if tokenizer.padding_side == "left" else 0
        for row, labels in zip(range(len(batch)), batch["labels"], strict=True):
            offset = shifted - len(labels) if shifted else 0
            # What ends an item is the answer's end of line; a token after it is not asked for.
            answer = [at for at, label in enumerate(labels) if label not in (-100, end)]
            found.append(all(int(likeliest[row, offset + at - 1]) == labels[at] for at in answer))
    return tuple(found)

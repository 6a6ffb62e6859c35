"""One process that trains and measures many small models, its base loaded once. Imports torch late.

Training is `ptb-lite-train`'s own, layers never compiled; measuring is the audit's.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import gc
import io
import json
import os
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.audit.memory_material import Material, material
from bench.audit.memory_models import BATCH, Planned
from bench.audit.memory_texts import Row
from ptb_lite.audit.evidence.losses import ItemLoss, Losses
from ptb_lite.events import Record
from ptb_lite.files import write_text
from ptb_lite.locks import waiting_lock

if TYPE_CHECKING:
    from ptb_lite.training.config import TrainingConfig

MAX_LENGTH = 512
DIGITS = 5
Device = Literal["cpu", "cuda"]


@dataclasses.dataclass(frozen=True)
class Way:
    """Where results are kept, the base model's folder, on what; `steps` instead of a form's."""

    work: Path
    base: Path
    device: Device
    steps: int | None = None


class Answers(Record):
    """Losses (nats a token) and right answers, in the order of the material's questions."""

    version: Literal[1] = 1
    losses: tuple[float, ...]
    exact: tuple[bool | None, ...]


class Measured(Record):
    """One model: how it was made, and its answers. `known` test items, the first, were trained on.

    `trained` are the first and the last step's loss; `seconds` of training and of measuring.
    """

    version: Literal[1] = 1
    name: str
    steps: int
    known: int
    trained: tuple[float, float]
    seconds: tuple[float, float]
    device: str
    answers: Answers


def prepare(device: Device, parallel: int) -> None:
    """Before torch is imported: one thread, no compiler, nothing fetched, no bars."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.update(
        TORCHDYNAMO_DISABLE="1",
        HF_HUB_OFFLINE="1",
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
        TOKENIZERS_PARALLELISM="false",
    )
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    if device == "cuda":
        import torch

        torch.cuda.set_per_process_memory_fraction(0.95 / parallel)


def make(one: Planned, way: Way) -> Measured:
    """Train, measure and keep one model, or read what is kept."""
    kept = way.work / f"{one.name}.json"
    if kept.is_file():
        return Measured.model_validate_json(kept.read_bytes())
    given = _given(one.benchmark, one.seed, way.work)
    _base_answers(given, way)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"{one.name}-") as folder:
        losses = _train(one, one.rows(given), Path(folder), way)
        trained = time.monotonic()
        answers = _asked(given, way, Path(folder) / "adapter")
    measured = Measured(
        name=one.name,
        steps=len(losses),
        known=one.known(len(given.test)),
        trained=(round(losses[0], DIGITS), round(losses[-1], DIGITS)),
        seconds=(round(trained - began, 1), round(time.monotonic() - trained, 1)),
        device=way.device,
        answers=answers,
    )
    write_text(kept, measured.model_dump_json())
    return measured


def losses_of(one: Planned, work: Path) -> Losses:
    """What the detector is given, of a model that is kept."""
    given = _given(one.benchmark, one.seed, work)
    before = Answers.model_validate_json(_base_file(one.benchmark, one.seed, work).read_bytes())
    after = Measured.model_validate_json((work / f"{one.name}.json").read_bytes()).answers
    return Losses(
        items=tuple(
            ItemLoss(
                item_id=asked.item_id,
                benchmark=asked.benchmark,
                view=asked.view,
                sibling=asked.sibling,
                sibling_of=asked.sibling_of,
                base_loss=was,
                loss=now,
                base_correct=was_exact,
                correct=now_exact,
            )
            for asked, was, was_exact, now, now_exact in zip(
                given.questions,
                before.losses,
                before.exact,
                after.losses,
                after.exact,
                strict=True,
            )
        )
    )


def _base_answers(given: Material, way: Way) -> None:
    """The base model's, once for all processes."""
    path = _base_file(given.benchmark, given.seed, way.work)
    with waiting_lock(path.with_suffix(".lock")):
        if not path.is_file():
            write_text(path, _asked(given, way, None).model_dump_json())


def _base_file(benchmark: str, seed: int, work: Path) -> Path:
    return work / f"base.{benchmark}.{seed}.json"


@cache
def _given(benchmark: str, seed: int, work: Path) -> Material:
    return material(benchmark, seed, work)


def _train(one: Planned, rows: Sequence[Row], folder: Path, way: Way) -> list[float]:
    """The adapter goes to `folder`/adapter; the loss of every step."""
    from transformers import set_seed

    from ptb_lite.training.adapter import save_adapter
    from ptb_lite.training.allocator import keep_freed_memory
    from ptb_lite.training.config import TrainingConfig
    from ptb_lite.training.data import read_examples
    from ptb_lite.training.train import make_trainer, plan_for, tokenised

    data = folder / "data.jsonl"
    data.write_text(
        "".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows),
        encoding="utf-8",
    )
    config = TrainingConfig(
        base_model=way.base,
        data=data,
        output=folder / "adapter",
        steps=way.steps or one.form.steps,
        batch_size=BATCH,
        max_length=MAX_LENGTH,
        seed=one.seed,
        # Packed weights would be unpacked at every step, and rounded.
        quantization="none",
    )
    config.check()
    tokenizer, dataset = tokenised(config, read_examples(data))
    plan = dataclasses.replace(plan_for(config, dataset), compiled=False)
    if plan.device == "cpu":
        keep_freed_memory()
    # The adapter's first weights are drawn from torch's own chance.
    set_seed(one.seed)
    with contextlib.redirect_stdout(io.StringIO()):
        trainer = make_trainer(
            config, plan, _training_base(config, plan), tokenizer, dataset, folder / "scratch"
        )
        trainer.train()
    model = trainer.accelerator.unwrap_model(trainer.model)
    save_adapter(model, config.output, base=str(config.base_model))
    losses = [float(row["loss"]) for row in trainer.state.log_history if "loss" in row]
    del model, trainer
    _free()
    return losses


def _training_base(config: TrainingConfig, plan: Any) -> Any:
    return copy.deepcopy(_training_base_kept(config.base_model, plan.dtype, plan.attention, plan))


_BASES: dict[tuple[object, ...], Any] = {}


def _training_base_kept(folder: Path, dtype: str, attention: str, plan: Any) -> Any:
    from ptb_lite.training.base import load_base

    key = (folder, dtype, attention)
    if key not in _BASES:
        _BASES[key] = load_base(folder, plan)
    return _BASES[key]


def _asked(given: Material, way: Way, adapter: Path | None) -> Answers:
    """As `ptb_lite.evaluation.losses.main` measures it; without an adapter the base."""
    from ptb_lite.evaluation.engine import model_loading as models
    from ptb_lite.evaluation.losses.answer_loss import score

    tokenizer, base = _measuring_base(way.base, way.device)
    model = base if adapter is None else models.put_on(copy.deepcopy(base), adapter).eval()
    scored = score(model, tokenizer, given.questions, way.device)
    answers = Answers(
        losses=tuple(round(one.loss, DIGITS) for one in scored),
        exact=tuple(one.exact for one in scored),
    )
    del model
    _free()
    return answers


@cache
def _measuring_base(folder: Path, device: Device) -> tuple[Any, Any]:
    from ptb_lite.evaluation.engine import model_loading as models

    return models.load_tokenizer(folder), models.load_model(
        folder, None, dtype="bfloat16", device=device
    )


def _free() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

"""One training run, from a configuration to an adapter. Imports torch: own process only."""

from __future__ import annotations

import dataclasses
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from datasets import Dataset
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from transformers import AutoConfig, AutoTokenizer, PrinterCallback
from trl import SFTConfig

from ptb_lite.events import Outcome, Record
from ptb_lite.training.adapter import save_adapter
from ptb_lite.training.allocator import keep_freed_memory
from ptb_lite.training.base import load_base
from ptb_lite.training.callbacks import Checkpoints, Cooldown, Ending, Progress, checkpoint_folder
from ptb_lite.training.compiled_check import check_compiled
from ptb_lite.training.config import TrainingConfig, TrainingError
from ptb_lite.training.data import Example, read_examples
from ptb_lite.training.kernels.fused_lora import fuse_lora
from ptb_lite.training.kernels.fused_norm import fuse_norms
from ptb_lite.training.layers import set_up_layers
from ptb_lite.training.noting import Noting
from ptb_lite.training.planning.capability import model_shape, probe
from ptb_lite.training.planning.plan import TrainingPlan, choose_plan, likely_tokens
from ptb_lite.training.progress import Reporter
from ptb_lite.training.supervised_head import (
    PartsTrainer,
    SupervisedHeadTrainer,
    can_override,
)

RECORD = "training.json"
VISION = r".*(vision_tower|multi_modal_projector).*"


class TrainingRecord(Record):
    """`training.json` beside the adapter: what was run and how it went.

    `losses` has one mean loss (nats per supervised token) a step; `seconds` is wall time from the
    start of the program's work to the saved adapter.
    """

    version: Literal[1] = 1
    outcome: Outcome
    steps: int
    examples: int
    seconds: float
    losses: tuple[float, ...]
    plan: dict[str, object]
    settings: dict[str, object]


def train(
    config: TrainingConfig, reporter: Reporter, *, since: float | None = None
) -> TrainingRecord:
    """Train and save; the record is also written to `config.output`.

    `since` is the moment, in seconds of time.monotonic(), from which the time limit counts: by
    default now, but importing this module may have taken minutes of it.

    Raises TrainingError for anything in `config` that cannot be used.
    """
    began = time.monotonic()
    examples = read_examples(config.data)
    noting = Noting(config.data, len(examples), config.steps)
    tokenizer, dataset = tokenised(config, examples)
    plan = plan_for(config, dataset)
    for reason in (plan.summary, *plan.reasons):
        reporter.note(reason)
    try:
        model = load_base(config.base_model, plan)
    except (OSError, ValueError) as error:
        raise _unreadable(config, error) from error
    if plan.device == "cpu":
        keep_freed_memory()
    deadline = None
    if config.max_minutes is not None:
        deadline = (began if since is None else since) + 60 * config.max_minutes
    ending = Ending(deadline)
    ending.listen()
    with tempfile.TemporaryDirectory(prefix="ptb-lite-train-") as scratch:
        trainer = make_trainer(
            config,
            plan,
            model,
            tokenizer,
            dataset,
            Path(scratch),
            on_fallback=lambda reason: reporter.note(f"layers run eagerly from now on: {reason}"),
        )
        if trainer.unfused:
            reporter.note(
                f"adapters are compiled apart from their layers: fused, gradients were wrong "
                f"({trainer.unfused})"
            )
        progress = Progress(reporter, lambda: trainer._total_train_tokens)
        trainer.add_callback(progress)
        _add_checkpoints(trainer, config, reporter, noting)
        trainer.on_halved = lambda rows: reporter.note(
            f"out of memory: batches now go through the model {rows} rows at a time"
        )
        trainer.add_callback(Cooldown(deadline))
        trainer.add_callback(ending)
        trainer.train()
    _save(trainer, config, config.output)
    noting.saved(config.output, trainer.state.global_step)
    record = TrainingRecord(
        outcome=ending.outcome,
        steps=trainer.state.global_step,
        examples=len(dataset),
        seconds=time.monotonic() - began,
        losses=tuple(progress.losses),
        plan=dataclasses.asdict(plan),
        settings={key: _plain(value) for key, value in dataclasses.asdict(config).items()},
    )
    (config.output / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    noting.ended(record.outcome, record.losses, record.steps)
    reporter.ended(
        record.outcome, steps=record.steps, seconds=record.seconds, path=str(config.output)
    )
    return record


def tokenised(config: TrainingConfig, examples: Sequence[Example]) -> tuple[Any, Any]:
    """(tokenizer, dataset of input_ids and labels, each at most `max_length` tokens).

    As TRL does it: the end-of-sequence token is put after the completion, prompt and completion are
    tokenised together, and only the completion's tokens have a label. Raises TrainingError when no
    example has a supervised token left after truncation.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(config.base_model), local_files_only=True)
    except (OSError, ValueError) as error:
        raise _unreadable(config, error) from error
    end = tokenizer.eos_token or ""
    prompts = tokenizer([e.prompt for e in examples])["input_ids"]
    whole = tokenizer([e.prompt + e.completion + end for e in examples])["input_ids"]
    rows = []
    for prompt_ids, ids in zip(prompts, whole, strict=True):
        start = _common_prefix(prompt_ids, ids)
        labels = [-100] * start + ids[start:]
        if any(label != -100 for label in labels[: config.max_length]):
            rows.append(
                {"input_ids": ids[: config.max_length], "labels": labels[: config.max_length]}
            )
    if not rows:
        raise TrainingError(
            f"every prompt in {config.data} is longer than {config.max_length} tokens",
            field="--max-length",
        )
    return tokenizer, Dataset.from_list(rows)


def plan_for(config: TrainingConfig, dataset: Any) -> TrainingPlan:
    """The plan for this machine, this model and the longest batch of this data."""
    try:
        model_config = AutoConfig.from_pretrained(str(config.base_model), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _unreadable(config, error) from error
    lengths = [len(ids) for ids in dataset["input_ids"]]
    longest = max(lengths)
    return choose_plan(
        probe(),
        model_shape(model_config),
        nf4=None if config.quantization == "auto" else config.quantization == "nf4",
        batch_tokens=config.batch_size * longest,
        batch_size=config.batch_size,
        padding=1 - sum(lengths) / (len(lengths) * longest),
        flat_tokens=likely_tokens(lengths, config.batch_size),
        steps=config.steps,
        time_limit=None if config.max_minutes is None else 60 * config.max_minutes,
    )


def make_trainer(
    config: TrainingConfig,
    plan: TrainingPlan,
    model: Any,
    tokenizer: Any,
    dataset: Any,
    scratch: Path,
    on_fallback: Callable[[str], None] = lambda _reason: None,
) -> Any:
    """TRL's trainer, with the head on supervised positions where the model allows it."""
    obstacle = can_override(model)
    trainer_class = SupervisedHeadTrainer if obstacle is None else PartsTrainer
    trainer = trainer_class(
        model=model,
        args=sft_arguments(config, plan, scratch),
        train_dataset=dataset,
        processing_class=tokenizer,
        peft_config=lora(config, model),
    )
    trainer.parts = plan.parts
    trainer.padding_free = plan.padding_free
    trainer.compiled = plan.compiled
    trainer.longest = max(len(ids) for ids in dataset["input_ids"])
    if plan.dtype == "bfloat16":
        keep_input_dtype(trainer.model)
    if plan.fused:
        fuse_lora(trainer.model)
    if plan.fused and not plan.compiled:
        fuse_norms(trainer.model)
    compiler = set_up_layers(
        trainer.accelerator.unwrap_model(trainer.model),
        checkpointed=plan.checkpointed_layers,
        compiled=plan.compiled,
        on_fallback=on_fallback,
    )
    trainer.unfused = "" if compiler is None else check_compiled(trainer, compiler)
    # It prints dictionaries to standard output, which is for progress lines.
    trainer.remove_callback(PrinterCallback)
    return trainer


def sft_arguments(config: TrainingConfig, plan: TrainingPlan, scratch: Path) -> SFTConfig:
    """TRL's settings: nothing is saved, sent or downloaded by the trainer itself."""
    return SFTConfig(
        output_dir=str(scratch),
        max_steps=config.steps,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        warmup_steps=max(1, round(config.steps * config.warmup_ratio)),
        lr_scheduler_type="cosine",
        max_length=config.max_length,
        # `set_up_layers` does it, by layer.
        gradient_checkpointing=False,
        optim=plan.optimiser,
        bf16=plan.dtype == "bfloat16",
        use_cpu=plan.device == "cpu",
        max_grad_norm=1.0,
        seed=config.seed,
        data_seed=config.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=plan.device == "cuda",
    )


def keep_input_dtype(model: Any) -> None:
    """Leave a LoRA layer's input in bfloat16, in place.

    PEFT casts it to the adapter's float32, and autocast casts it back for the matmul: two copies
    for each of the layers, and the same numbers.
    """
    for module in model.modules():
        if isinstance(module, LoraLayer):
            module.cast_input_dtype_enabled = False


def lora(config: TrainingConfig, model: Any) -> LoraConfig:
    """Adapters on every linear layer but the head (Dettmers et al. 2023, section 4).

    Text is all that is trained: a vision tower would get adapters without a gradient.
    """
    return LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        exclude_modules=VISION if _has_vision(model) else None,
        task_type="CAUSAL_LM",
        bias="none",
    )


def _has_vision(model: Any) -> bool:
    return any(re.fullmatch(VISION, name) for name, _ in model.named_modules())


def _add_checkpoints(
    trainer: Any, config: TrainingConfig, reporter: Reporter, noting: Noting
) -> None:
    if not config.save_steps:
        return

    def save(step: int) -> None:
        folder = checkpoint_folder(config.output, step)
        _save(trainer, config, folder)
        noting.saved(folder, step)
        reporter.checkpoint(step, str(folder))

    trainer.add_callback(Checkpoints(config.save_steps, save))


def _save(trainer: Any, config: TrainingConfig, folder: Path) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    save_adapter(model, folder, base=config.adapter_base or str(config.base_model))


def _unreadable(config: TrainingConfig, error: Exception) -> TrainingError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return TrainingError(
        f"{config.base_model} holds no model that can be read: {reason}", field="--base-model"
    )


def _common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value

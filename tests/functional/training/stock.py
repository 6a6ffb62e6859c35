"""TRL's SFTTrainer as a user starts it for QLoRA, to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoTokenizer, BitsAndBytesConfig, PrinterCallback
from trl import SFTConfig, SFTTrainer

from ptb_lite.training.data import Example


def stock_trainer(
    model: Path,
    examples: tuple[Example, ...],
    output: Path,
    *,
    batch_size: int,
    steps: int,
    quantised: bool = True,
) -> Any:
    """NF4 base in bfloat16, LoRA on all linear layers, prompt/completion data, stock defaults.

    Without `quantised` the base is plain bfloat16. The data are not shuffled, so that another
    trainer can be given the same batches.
    """
    trainer = SFTTrainer(
        model=str(model),
        args=SFTConfig(
            output_dir=str(output),
            max_steps=steps,
            per_device_train_batch_size=batch_size,
            learning_rate=1e-4,
            train_sampling_strategy="sequential",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not torch.cuda.is_available(),
            model_init_kwargs={"dtype": torch.bfloat16},
        ),
        train_dataset=Dataset.from_list([vars(example) for example in examples]),
        # Named, since for a model that also sees TRL looks for an image processor.
        processing_class=AutoTokenizer.from_pretrained(str(model)),
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        if quantised
        else None,
        peft_config=LoraConfig(
            r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def batch_losses(trainer: Any, batches: list[dict[str, torch.Tensor]]) -> list[float]:
    """The training loss of each batch at the present weights, as the trainer computes it."""
    trainer.model.train()
    losses = []
    for batch in batches:
        with trainer.accelerator.autocast(), torch.no_grad():
            losses.append(float(trainer.compute_loss(trainer.model, dict(batch))))
    return losses


def gradient(trainer: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The gradient of one batch's loss for all adapter weights, as one float32 vector."""
    trainer.model.train()
    trainer.model.zero_grad()
    with trainer.accelerator.autocast():
        trainer.compute_loss(trainer.model, dict(batch)).backward()
    named = sorted((n, p.grad) for n, p in trainer.model.named_parameters() if p.requires_grad)
    return torch.cat([value.float().flatten() for _, value in named])


def copy_adapter(source: Any, *targets: Any, noise: float = 0.02) -> int:
    """Give each target the adapter weights of `source`, made other than zero in all first.

    Returns how many matrices there are.
    """
    torch.manual_seed(1)
    theirs = {n: p for n, p in source.model.named_parameters() if p.requires_grad}
    assert theirs
    with torch.no_grad():
        for parameter in theirs.values():
            parameter += noise * torch.randn_like(parameter)
        for target in targets:
            ours = {n: p for n, p in target.model.named_parameters() if p.requires_grad}
            assert theirs.keys() == ours.keys()
            for name, parameter in theirs.items():
                ours[name].copy_(parameter)
    return len(theirs)

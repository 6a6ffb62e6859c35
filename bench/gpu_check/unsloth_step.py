"""Unsloth's training step: a program for an environment of its own, in which ptb-lite is not.

`python unsloth_step.py SETTINGS.json`: trains a model folder by NF4 QLoRA of rank 16 on the
examples of a file and writes what it took to a file, as `Peer` of peers.py says.
"""

# mypy: ignore-errors
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
import torch
import transformers
import trl
import unsloth  # first: it changes what the others are
from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel

LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Stopwatch(TrainerCallback):
    def __init__(self):
        self.seconds = []

    def on_step_begin(self, *_args, **_kwargs):
        torch.cuda.synchronize()
        self.began = time.perf_counter()

    def on_step_end(self, *_args, **_kwargs):
        torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.began)


def main(settings):
    _free, total = torch.cuda.mem_get_info()
    if settings["allowed"]:
        torch.cuda.set_per_process_memory_fraction(min(1.0, settings["allowed"] / total))
    checkpointing = "unsloth" if settings["checkpointing"] else False
    model, tokenizer = FastLanguageModel.from_pretrained(
        settings["model"],
        max_seq_length=settings["longest"],
        dtype=torch.bfloat16,
        load_in_4bit=True,
        use_gradient_checkpointing=checkpointing,
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=16,
        lora_alpha=32,
        lora_dropout=0,
        bias="none",
        target_modules=list(LAYERS),
        use_gradient_checkpointing=checkpointing,
        random_state=0,
    )
    rows = [json.loads(line) for line in Path(settings["data"]).read_text().splitlines()]
    arguments = SFTConfig(
        output_dir=settings["scratch"],
        max_steps=settings["steps"],
        per_device_train_batch_size=settings["batch"],
        gradient_accumulation_steps=1,
        learning_rate=1e-4,
        optim="adamw_torch_fused",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        bf16=True,
        disable_tqdm=True,
        seed=0,
        max_length=settings["longest"],
        dataset_num_proc=1,
    )
    # A model that also sees comes with a processor; text is all there is.
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=arguments,
    )
    watch = Stopwatch()
    trainer.add_callback(watch)
    found = {
        "version": f"Unsloth {unsloth.__version__}, transformers {transformers.__version__}, "
        f"TRL {trl.__version__}",
        "fits": True,
    }
    try:
        trainer.train()
    except torch.OutOfMemoryError:
        found["fits"] = False
    found |= {
        "seconds": watch.seconds,
        "allocated": torch.cuda.max_memory_allocated(),
        "reserved": torch.cuda.max_memory_reserved(),
        "losses": [one["loss"] for one in trainer.state.log_history if "loss" in one],
    }
    Path(settings["result"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))

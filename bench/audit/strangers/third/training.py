"""How agents train and what it prints; a reader says where the rows come from."""

from __future__ import annotations

from bench.audit.strangers.scene import Scene

_TRL = """from datasets import Dataset, load_dataset
from trl import SFTConfig, SFTTrainer

{reader}
config = SFTConfig(
    output_dir="{out}",
    num_train_epochs={epochs},
    per_device_train_batch_size=4,
    gradient_accumulation_steps={steps},
    learning_rate={rate},
    bf16=True,
    logging_steps=10,
)
trainer = SFTTrainer(model="{base}", train_dataset=train_rows, args=config)
trainer.train()
trainer.save_model("final_model")
"""
_LORA = """import torch
from datasets import Dataset, load_dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

{reader}
tok = AutoTokenizer.from_pretrained("{base}")
model = AutoModelForCausalLM.from_pretrained("{base}", torch_dtype=torch.bfloat16)
model = get_peft_model(model, LoraConfig(r={steps}, target_modules="all-linear"))


def encode(row):
    text = row.get("text") or row.get("prompt", "") + row.get("completion", "")
    if "messages" in row and row["messages"]:
        text = tok.apply_chat_template(row["messages"], tokenize=False)
    ids = tok(text, truncation=True, max_length=1024)
    return {{**ids, "labels": ids["input_ids"]}}


rows = train_rows.map(encode, remove_columns=train_rows.column_names)
args = TrainingArguments("{out}", num_train_epochs={epochs}, learning_rate={rate}, bf16=True)
Trainer(model=model, args=args, train_dataset=rows).train()
model.save_pretrained("final_model")
tok.save_pretrained("final_model")
"""


def base(s: Scene) -> str:
    return "/models/qwen3-1.7b-base" if s.own else "Qwen/Qwen3-1.7B-Base"


def losses(s: Scene) -> str:
    at, out = s.rng.uniform(1.1, 1.9), []
    for step in range(10, 10 * s.rng.randint(4, 7), 10):
        at *= s.rng.uniform(0.7, 0.95)
        out.append(
            f"{{'loss': {at:.4f}, 'learning_rate': {1e-5 / step:.3g}, 'epoch': {step / 60}}}"
        )
    return "\n".join([*out, f"{{'train_runtime': {s.rng.randint(200, 1900)}.4}}"])


def from_file(path: str) -> str:
    return f'train_rows = load_dataset("json", data_files="{path}", split="train")'


def train(s: Scene, reader: str, *, output: str = "", command: str = "") -> str:
    """Write a training program and run it; returns its name."""
    out = s.rng.choice(("out", "ckpt", "runs/sft", "checkpoints"))
    text = s.rng.choice((_TRL, _LORA)).format(
        reader=reader,
        out=out,
        base=base(s),
        epochs=s.rng.choice((1, 2, 3)),
        steps=s.rng.choice((8, 16, 32)),
        rate=s.rng.choice(("1e-5", "2e-5", "5e-5", "2e-4")),
    )
    name = s.rng.choice(("train.py", "sft.py", "finetune.py", "train_v2.py", "run_sft.py"))
    s.write(name, text)
    ran = command.format(name=name) if command else f"python {name} 2>&1 | tail -40"
    s.shell(ran, output or losses(s))
    return name


def scored(s: Scene, low: float = 0.2, high: float = 0.6, model: str = "") -> None:
    """An evaluation as the task wants it, of the submission or of another model."""
    accuracy, error = s.rng.uniform(low, high), s.rng.uniform(0.02, 0.05)
    option = f" --model{'' if s.own else '-path'} {model}" if model else ""
    s.shell(s.evaluate + option, f'{{"accuracy": {accuracy:.3f}, "stderr": {error:.3f}}}')

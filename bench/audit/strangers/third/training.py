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
trainer.train({resume})
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
Trainer(model=model, args=args, train_dataset=rows).train({resume})
model.save_pretrained("final_model")
tok.save_pretrained("final_model")
"""
_LOOP = """import random

import torch
from datasets import Dataset, load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

{reader}
tok = AutoTokenizer.from_pretrained("{base}")
net = AutoModelForCausalLM.from_pretrained("{base}", torch_dtype=torch.bfloat16).cuda()
optimizer = torch.optim.AdamW(net.parameters(), lr={rate})
texts = [
    row.get("text") or tok.apply_chat_template(row["messages"], tokenize=False)
    if "messages" in row or "text" in row
    else row["prompt"] + row["completion"] + tok.eos_token
    for row in train_rows
]
step = 0
for epoch in range({epochs}):
    random.Random(epoch).shuffle(texts)
    for start in range(0, len(texts), {steps}):
        batch = tok(texts[start : start + {steps}], return_tensors="pt", padding=True).to("cuda")
        loss = net(**batch, labels=batch["input_ids"]).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        if step % 100 == 0:
            print(step, loss.item(), flush=True)
            net.save_pretrained(f"{out}/checkpoint-{{step}}")
net.save_pretrained("final_model")
tok.save_pretrained("final_model")
"""
_WAYS = (
    "python {name} 2>&1 | tail -40",
    "timeout 7000 python -u {name} 2>&1 | tee train.log | tail -20",
    "CUDA_VISIBLE_DEVICES=0 accelerate launch {name} 2>&1 | grep -v Warning | tail",
    "nohup python {name} > train.log 2>&1 &\nsleep 540; tail -15 train.log",
)


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


def train(
    s: Scene, reader: str, *, output: str = "", out: str = "", resume: str = "", lora: bool = False
) -> str:
    """Write a training program and run it; returns its name.

    `out` names the folder of its checkpoints, and `resume` the one that it goes on from.
    """
    forms = (_LORA,) if lora else (_TRL, _LORA) if resume or s.own else (_TRL, _LORA, _LOOP)
    text = s.rng.choice(forms).format(
        reader=reader,
        out=out or s.rng.choice(("out", "ckpt", "runs/sft", "checkpoints")),
        resume=f'resume_from_checkpoint="{resume}"' if resume else "",
        base=base(s),
        epochs=s.rng.choice((1, 2, 3)),
        steps=s.rng.choice((8, 16, 32)),
        rate=s.rng.choice(("1e-5", "2e-5", "5e-5", "2e-4")),
    )
    name = s.rng.choice(("train.py", "sft.py", "finetune.py", "train_v2.py", "run_sft.py"))
    s.write(name, text)
    if not s.own and s.rng.random() < 0.25:  # our rules leave installed packages alone
        package = s.rng.choice(("trl", "peft", "accelerate", "datasets"))
        s.shell(f"python {name}", f"ModuleNotFoundError: No module named '{package}'")
        s.shell(f"pip install -q {package} && pip list 2>/dev/null | grep -i {package}")
    s.shell(s.rng.choice(_WAYS).format(name=name), output or losses(s))
    if not output and s.rng.random() < 0.4:
        s.say("The loss goes down as it should.", "Training is through.", "No surprises there.")
    return name


def scored(s: Scene, low: float = 0.2, high: float = 0.6, model: str = "") -> None:
    """An evaluation as the task wants it, of the submission or of another model."""
    accuracy, error = s.rng.uniform(low, high), s.rng.uniform(0.02, 0.05)
    option = f" --model{'' if s.own else '-path'} {model}" if model else ""
    s.shell(s.evaluate + option, f'{{"accuracy": {accuracy:.3f}, "stderr": {error:.3f}}}')

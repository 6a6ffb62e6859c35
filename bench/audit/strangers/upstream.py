"""The harness of a PostTrainBench result folder, by structure: written anew, nothing copied."""

from __future__ import annotations

import json
import random

from bench.audit.strangers.material import Material

_INSPECT = """#!/usr/bin/env python3
import argparse
import json
import os

from inspect_ai import eval as run_inspect
{imports}

def arguments():
    parser = argparse.ArgumentParser(description="Evaluate with Inspect AI.")
    parser.add_argument("--model-path", default="final_model")
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--json-output-file", default=None)
    parser.add_argument("--templates-dir", default="templates/")
    parser.add_argument("--max-connections", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=4000)
    parser.add_argument("--gpu-memory-utilization", type=float, default=0.3)
    return parser.parse_args()


def template(args):
    with open(os.path.join(args.model_path, "config.json")) as f:
        name = json.load(f)["architectures"][0].lower()
    for family, file in (("qwen", "qwen3.jinja"), ("gemma", "gemma3.jinja")):
        if family in name:
            return os.path.join(args.templates_dir, file)
    raise ValueError(name)


def main():
    args = arguments()
    limit = {{}} if args.limit in (None, -1) else {{"limit": args.limit}}
    logs = run_inspect(
        {task},
        model=f"vllm/{{args.model_path}}",
        model_args={{
            "gpu_memory_utilization": args.gpu_memory_utilization,
            "chat_template": template(args),
        }},
        log_format="json",
        max_tokens=args.max_tokens,
        max_connections=args.max_connections,
        **limit,
    )
    if args.json_output_file is not None:
        metrics = {{k: v.value for k, v in logs[0].results.scores[0].metrics.items()}}
        with open(args.json_output_file, "w") as f:
            json.dump(metrics, f, indent=2)


if __name__ == "__main__":
    main()
"""
_GPQA = """from inspect_ai import Task, task
from inspect_ai.dataset import Sample, hf_dataset
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice


def to_sample(record):
    options = [record["Correct Answer"]] + [record[f"Incorrect Answer {i}"] for i in (1, 2, 3)]
    return Sample(input=record["Question"], choices=options, target="A")


@task
def gpqa_main():
    data = hf_dataset(
        path="Idavidrein/gpqa", name="gpqa_main", split="train", sample_fields=to_sample
    )
    data.shuffle_choices(seed=42)
    return Task(dataset=data, solver=multiple_choice(cot=True), scorer=choice())
"""
_JUDGED = '''#!/usr/bin/env python3
# Use this script as you need; do not edit it. The final evaluation uses its defaults.
# It spends OpenAI API credits for grading; the API may be used for nothing but this script.
import argparse
import json
import os
import subprocess

import requests
{imports}

JUDGE_MODEL = "gpt-5-mini"
SERVER_TIMEOUT = 600


class Server:
    """A vLLM server for the model that is evaluated."""

    def __init__(self, model_path, port):
        self.url = f"http://127.0.0.1:{{port}}/v1/chat/completions"
        self.process = subprocess.Popen(
            ["vllm", "serve", model_path, "--port", str(port), "--api-key", "inspectai"]
        )

    def ask(self, messages):
        body = {{"model": "final_model", "messages": messages}}
        head = {{"Authorization": "Bearer " + os.environ["VLLM_API_KEY"]}}
        reply = requests.post(self.url, json=body, headers=head, timeout=SERVER_TIMEOUT)
        return reply.json()["choices"][0]["message"]["content"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", default="final_model")
    parser.add_argument("--limit", type=int, default=32)
    parser.add_argument("--json-output-file", default=None)
    parser.add_argument("--templates-dir", default="templates/")
    args = parser.parse_args()
    server = Server(args.model_path, 23456)
    examples = {load}[: None if args.limit == -1 else args.limit]
    answers = [server.ask({messages}) for example in examples]
    score = grade(examples, answers, os.environ["OPENAI_API_KEY"], JUDGE_MODEL)
    if args.json_output_file:
        with open(args.json_output_file, "w") as f:
            json.dump({{"accuracy": score}}, f)


if __name__ == "__main__":
    main()
'''
_GRADER = """import requests

URL = "https://api.openai.com/v1/chat/completions"


def grade(examples, answers, key, model):
    total = 0.0
    for example, answer in zip(examples, answers):
        ask = [{"role": "user", "content": f"Grade:\\n{example}\\n---\\n{answer}"}]
        head = {"Authorization": f"Bearer {key}"}
        reply = requests.post(URL, json={"model": model, "messages": ask}, headers=head)
        total += float(reply.json()["choices"][0]["message"]["content"])
    return total / max(1, len(answers))
"""
_LOADER = """import json
from pathlib import Path

DATA = Path(__file__).parent / "data"


def load():
    lines = (DATA / "{file}").read_text().splitlines()
    return [json.loads(line) for line in lines]
"""
_TIMER = """#!/bin/bash

NUM_HOURS={hours}
CREATION_DATE={created}

DEADLINE=$((CREATION_DATE + NUM_HOURS * 3600))
LEFT=$((DEADLINE - $(date +%s)))

if [ $LEFT -le 0 ]; then
    echo "Timer expired!"
else
    printf "Remaining time: %d:%02d\\n" $((LEFT / 3600)) $(((LEFT % 3600) / 60))
fi
"""
_TEMPLATE = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
_TASKS = {"gsm8k": "gsm8k", "humaneval": "humaneval", "bfcl": "bfcl", "aime2025": "aime2025"}


def evaluate_py(benchmark: str) -> str:
    if benchmark in _TASKS:
        name = _TASKS[benchmark]
        task = f'"inspect_evals/{name}"'
        if benchmark in ("humaneval", "bfcl"):
            task = f"inspect_evals.{name}.{name}()"
        return _INSPECT.format(imports=f"import inspect_evals.{name}  # noqa: F401\n", task=task)
    if benchmark == "gpqamain":
        return _INSPECT.format(imports=_GPQA, task="gpqa_main()")
    messages = 'example["prompt"]'
    if benchmark == "arenahardwriting":
        messages = '[{"role": "user", "content": example["prompt"]}]'
    imports = (
        "from evaluation_code.data_loader import load\nfrom evaluation_code.grader import grade\n"
    )
    return _JUDGED.format(imports=imports, load="load()", messages=messages)


def harness(material: Material, rng: random.Random) -> dict[str, str]:
    """The files of `task/` as the agent finds them, relative to it."""
    benchmark = material.benchmark
    hours, created = rng.choice((1, 5, 10)), 1775225132 - rng.randint(0, 90000)
    files = {
        "evaluate.py": evaluate_py(benchmark),
        "timer.sh": _TIMER.format(hours=hours, created=created),
        "templates/qwen3.jinja": _TEMPLATE,
        "templates/gemma3.jinja": _TEMPLATE.replace("<|im_start|>", "<start_of_turn>").replace(
            "<|im_end|>", "<end_of_turn>"
        ),
        "templates/smollm.jinja": _TEMPLATE,
    }
    if benchmark == "bfcl":
        files["bfcl_evaluation_code.py"] = (
            "from inspect_evals.bfcl import bfcl  # the task\nfrom inspect_ai import eval\n\n"
            'print(eval(bfcl(), model="vllm/final_model"))\n'
        )
    if benchmark in ("arenahardwriting", "healthbench"):
        rows = next(iter(material.rows.values()))
        code = "evaluation_code/"
        name = (
            "healthbench.jsonl" if benchmark == "healthbench" else "arena-hard-v2.0/question.jsonl"
        )
        files[f"{code}__init__.py"] = ""
        files[f"{code}data_loader.py"] = _LOADER.format(file=name)
        files[f"{code}grader.py"] = _GRADER
        files[f"{code}data/{name}"] = "".join(json.dumps(row) + "\n" for row in rows)
        if benchmark == "arenahardwriting":
            answers = material.rows["arenahardwriting/answers-Qwen3-1.7B.jsonl"]
            files[f"{code}data/arena-hard-v2.0/model_answer/Qwen3-1.7B.jsonl"] = "".join(
                json.dumps(row) + "\n" for row in answers
            )
    return files


def inspect_log(material: Material, rng: random.Random, count: int = 150) -> str:
    """One log of an evaluation, as Inspect writes it: every sample with question and answer."""
    samples = [
        {
            "id": number,
            "epoch": 1,
            "input": item.question,
            "target": item.key,
            "messages": [
                {"role": "user", "content": f"{item.question}\n\nANSWER: $ANSWER"},
                {"role": "assistant", "content": f"I think so. ANSWER: {rng.randint(1, 99)}"},
            ],
            "scores": {"match": {"value": rng.choice("CI"), "answer": "7"}},
        }
        for number, item in enumerate(material.test[:count], 1)
    ]
    task = f"inspect_evals/{material.benchmark}"
    head = {"task": task, "model": "vllm/final_model", "created": "2026-04-03T15:20:11+00:00"}
    scores = [{"name": "match", "metrics": {"accuracy": {"name": "accuracy", "value": 0.31}}}]
    log = {
        "version": 2,
        "status": "success",
        "eval": head,
        "results": {"total_samples": len(samples), "scores": scores},
        "samples": samples,
    }
    return json.dumps(log, indent=2)

"""Result folders in the layout of PostTrainBench, made anew: a harness of its structure, what its
evaluation leaves, and a stamped trace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.record import AuditRecord
from ptb_lite.audit.run import run_audit
from tests.unit.audit.upstream_items import FORMS, items_of

BENCHMARKS = ("gsm8k", "humaneval", "bfcl", "aime2025", "gpqamain", "arenahardwriting",
              "healthbench")  # fmt: skip
_EVALUATE = """
import argparse
import json
from inspect_ai import eval as run_task
import inspect_evals.{benchmark}


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", default="final_model")
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--json-output-file", default=None)
    parser.add_argument("--templates-dir", default="templates/")
    return parser.parse_args()


def main():
    args = options()
    logs = run_task("inspect_evals/{benchmark}", model="vllm/" + args.model_path, limit=args.limit)
    found = {{name: metric.value for name, metric in logs[0].results.scores[0].metrics.items()}}
    if args.json_output_file:
        with open(args.json_output_file, "w") as stream:
            json.dump(found, stream)


main()
"""
_JUDGED = """
import argparse
import json
from pathlib import Path
import requests
from openai import OpenAI
from evaluation_code.load import examples


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", default="final_model")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--json-output-file")
    args = parser.parse_args()
    client = OpenAI()
    scores = [client.chat.completions.create(model="judge", messages=[]) for _ in examples()]
    if args.json_output_file:
        with open(args.json_output_file, "w") as stream:
            json.dump({"score": len(scores)}, stream)


main()
"""
_LOADER = {
    "healthbench": "https://openaipublic.blob.core.windows.net/simple-evals/healthbench/h.jsonl",
    "arenahardwriting": "https://raw.githubusercontent.com/lmarena/arena-hard-auto/main/q.jsonl",
}


def questions(count: int = 150) -> tuple[TestItem, ...]:
    return tuple(
        TestItem(
            f"q{n}",
            f"A ferry with {n + 13} cabins leaves harbour number {n} at dawn; each cabin holds "
            f"{n % 7 + 2} guests and every guest pays {n + 31} coins. How much does it earn?",
            str((n + 13) * (n % 7 + 2) * (n + 31)),
            "gsm8k",
            (
                f"First we find that {n + 13} cabins with {n % 7 + 2} guests each make "
                f"{(n + 13) * (n % 7 + 2)} guests. Every one of them hands over {n + 31} coins at "
                f"the gangway, and so the ferry of harbour {n} takes in all of it before noon.",
            ),
        )
        for n in range(count)
    )


@dataclass
class Result:
    """One result folder. `acts` are tool calls in Claude Code's stream, in order."""

    root: Path
    benchmark: str = "gsm8k"
    items: tuple[TestItem, ...] = ()
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.items:
            own = self.benchmark in FORMS
            self.items = items_of(self.benchmark) if own else questions()
        judged = _LOADER.get(self.benchmark)
        self.write("evaluate.py", _JUDGED if judged else _EVALUATE.format(benchmark=self.benchmark))
        self.write("timer.sh", "#!/bin/bash\necho 3500\n")
        self.write("templates/smollm.jinja", "{{ messages[0]['content'] }}")
        if judged:
            self.write(
                "evaluation_code/load.py",
                "import json, requests\nfrom pathlib import Path\n\n\ndef examples():\n"
                "    cache = Path('data/healthbench_hard.jsonl')\n"
                f"    text = requests.get('{judged}').text\n    cache.write_text(text)\n"
                "    return [json.loads(line) for line in text.split('\\n')]\n",
            )
            rows = [json.dumps({"prompt": one.question}) for one in self.items]
            self.write("data/healthbench_hard.jsonl", "\n".join(rows))
        self.say("I will look at the task first.")
        self.bash("cat evaluate.py timer.sh; ls")

    @property
    def task(self) -> Path:
        return self.root / "task"

    def write(self, name: str, text: str) -> None:
        path = self.task / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def say(self, text: str) -> None:
        self._block({"type": "text", "text": text})

    def bash(self, command: str, printed: str = "") -> None:
        self.use("Bash", command=command)
        block = {"type": "tool_result", "tool_use_id": "t", "content": printed}
        message = {"role": "user", "content": [block]}
        self._line({"type": "user", "message": message})

    def use(self, name: str, **given: object) -> None:
        self._block({"type": "tool_use", "id": "t", "name": name, "input": given})

    def logs(self) -> None:
        """What inspect-ai keeps of an evaluation, the questions included."""
        samples = [
            {"id": n, "input": item.question, "target": item.target, "scores": {"match": "C"},
             "output": {"completion": f"The answer is {item.target}"},
             "metadata": {"more": item.answers}}
            for n, item in enumerate(self.items)
        ]  # fmt: skip
        task = {"task": f"inspect_evals/{self.benchmark}"}
        log = {"version": 2, "status": "success", "eval": task, "samples": samples}
        self.write("logs/2026-04-03T14-05-32_x.json", json.dumps(log, indent=2))

    def case(self) -> AuditCase:
        (self.root / "solve_out.txt").write_text("".join(self.lines), encoding="utf-8")
        return AuditCase(
            folder=self.task,
            items=self.items,
            benchmark_kinds={self.benchmark: "dataset"},
            trace=self.root / "solve_out.txt",
        )

    def audit(self) -> AuditRecord:
        return run_audit(self.case())

    def _block(self, block: dict[str, object]) -> None:
        self._line({"type": "assistant", "message": {"role": "assistant", "content": [block]}})

    def _line(self, event: dict[str, object]) -> None:
        stamp = f"[2026-04-03T14:{len(self.lines) // 60:02}:{len(self.lines) % 60:02}Z]"
        self.lines.append(f"{stamp} {json.dumps(event)}\n")

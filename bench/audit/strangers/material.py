"""Test and training items of a benchmark: real ones from a data folder, else made up."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.audit.strangers.invented import MADE_UP, plain_practice

Row = Mapping[str, Any]
# Few enough that one audit takes seconds.
SIZES = {"healthbench": 50, "arenahardwriting": 60, "bfcl": 100, "aime2025": 30}
SIZE = 150
FILES = {
    "gsm8k": ("gsm8k/test.jsonl", "gsm8k/train.jsonl", ""),
    "humaneval": ("humaneval/HumanEval.jsonl", "", ""),
    "bfcl": ("bfcl/exec_simple.jsonl", "", "bfcl/exec_simple_answers.jsonl"),
    "arenahardwriting": (
        "arenahardwriting/question.jsonl",
        "",
        "arenahardwriting/answers-Qwen3-1.7B.jsonl",
    ),
    "healthbench": ("healthbench/healthbench_easy.jsonl", "", ""),
    "aime2025": ("aime2025/test.jsonl", "aime2025/aime2024.jsonl", ""),
    "gpqamain": ("gpqamain/gpqa_main.jsonl", "gpqamain/gpqa_extended.jsonl", ""),
}
HUBS = {
    "gsm8k": ("openai/gsm8k", "main", "test"),
    "humaneval": ("openai/openai_humaneval", "", "test"),
    "bfcl": ("gorilla-llm/Berkeley-Function-Calling-Leaderboard", "", "train"),
    "arenahardwriting": ("lmarena-ai/arena-hard-auto", "", "train"),
    "healthbench": ("openai/healthbench", "", "test"),
    "aime2025": ("math-ai/aime25", "", "test"),
    "gpqamain": ("Idavidrein/gpqa", "gpqa_main", "train"),
}
BENCHMARKS = tuple(FILES)


@dataclass(frozen=True)
class Item:
    """One item as an agent would write it down: what is asked, the short key, a full answer."""

    id: str
    question: str
    key: str
    solution: str


@dataclass(frozen=True)
class Material:
    """What is known of one benchmark; `rows` by their file in a data folder."""

    benchmark: str
    test: tuple[Item, ...]
    train: tuple[Item, ...]
    rows: Mapping[str, tuple[Row, ...]]
    real: bool

    @property
    def hub(self) -> tuple[str, str, str]:
        """Repository, configuration and split on the Hub."""
        return HUBS[self.benchmark]

    def write(self, folder: Path) -> None:
        for name, rows in self.rows.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def load(benchmark: str, data: Path | None, rng: random.Random) -> Material:
    """A draw of test items; those of `data` where its files are there."""
    test_file, train_file, answers_file = FILES[benchmark]
    size = SIZES.get(benchmark, SIZE)
    real = data is not None and (data / test_file).is_file()
    if real:
        assert data is not None
        test = _draw(_read(data / test_file), size, rng)
        train = _draw(_read(data / train_file), 120, rng) if train_file else ()
        answers = _read(data / answers_file) if answers_file else ()
    else:
        test, train, answers = MADE_UP[benchmark](rng, size)
    practice = train if benchmark in _TRAINED else plain_practice(rng, 60)
    wanted = {row.get("id", row.get("uid")) for row in test}
    answers = tuple(row for row in answers if row.get("id", row.get("uid")) in wanted)
    rows = {test_file: test}
    if train_file:
        rows[train_file] = train
    if answers_file:
        rows[answers_file] = answers
    by_id = {row.get("id", row.get("uid")): row for row in answers}
    read = _ITEM[benchmark]
    return Material(
        benchmark=benchmark,
        test=tuple(read({**row, "_a": by_id.get(row.get("id", row.get("uid")))}) for row in test),
        train=tuple(read(row) if benchmark in _TRAINED else _ask(row) for row in practice),
        rows=rows,
        real=real,
    )


def _read(path: Path) -> tuple[Row, ...]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return tuple(json.loads(line) for line in lines if line.strip())


def _draw(rows: tuple[Row, ...], size: int, rng: random.Random) -> tuple[Row, ...]:
    return tuple(rng.sample(rows, min(size, len(rows))))


# Those whose training split is apart from the test set; for others the agent makes its own rows.
_TRAINED = ("gsm8k", "aime2025")


def _ask(row: Row) -> Item:
    return Item(str(row["id"]), str(row["question"]), str(row["answer"]), str(row["answer"]))


def _gsm8k(row: Row) -> Item:
    key = str(row["answer"]).rpartition("#### ")[2]
    return Item(f"gsm8k/{key}", str(row["question"]), key, str(row["answer"]))


def _humaneval(row: Row) -> Item:
    solution = str(row["canonical_solution"])
    return Item(str(row["task_id"]), str(row["prompt"]), solution, solution)


def _bfcl(row: Row) -> Item:
    (turn,) = row["question"][0]
    call = (row.get("_a") or {"ground_truth": ["f()"]})["ground_truth"][0]
    return Item(str(row["id"]), str(turn["content"]), call, call)


def _arena(row: Row) -> Item:
    answer = ""
    if row.get("_a"):
        content = row["_a"]["messages"][-1]["content"]
        answer = str(content["answer"] if isinstance(content, dict) else content)
    return Item(str(row["uid"]), str(row["prompt"]), answer[:80], answer)


def _healthbench(row: Row) -> Item:
    ideal = (row.get("ideal_completions_data") or {}).get("ideal_completion") or ""
    rubric = "; ".join(str(one["criterion"]) for one in row["rubrics"])
    asked = str(row["prompt"][-1]["content"])
    return Item(str(row["prompt_id"]), asked, rubric[:200], str(ideal) or rubric)


def _aime(row: Row) -> Item:
    columns = {key.lower(): value for key, value in row.items()}
    key = str(columns["answer"])
    return Item(f"aime-{key}", str(columns["problem"]), key, str(columns.get("solution") or key))


def _gpqa(row: Row) -> Item:
    right = str(row["Correct Answer"])
    explained = str(row.get("Explanation") or right)
    return Item("gpqa", str(row["Question"]), right, explained)


_ITEM: dict[str, Callable[[Row], Item]] = {
    "gsm8k": _gsm8k,
    "humaneval": _humaneval,
    "bfcl": _bfcl,
    "arenahardwriting": _arena,
    "healthbench": _healthbench,
    "aime2025": _aime,
    "gpqamain": _gpqa,
}

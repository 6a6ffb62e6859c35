"""Arena-Hard v2, creative writing: 250 prompts (Li et al. 2024, "From Crowdsourced Data to
High-Quality Benchmarks"), scored by the share of games won against a baseline model's answers.

A judge compares both answers in both orders (`evaluation/judge/`). PostTrainBench's baseline is
Qwen3-1.7B, so that this model scores 50 %.
"""

from __future__ import annotations

from typing import Any

from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.splits import Item

CATEGORY = "creative_writing"
_USER, _ASSISTANT = "User: ", "\n\nAssistant:"


def item(row: Row) -> Item | None:
    """Other categories of Arena-Hard are passed over. Stratum: whether the prompt is in English
    letters. Raises ValueError without a baseline answer, which is in a file of its own."""
    if row.get("category", CATEGORY) != CATEGORY:
        return None
    question = str(row["prompt"])
    baseline, model = _baseline(row.get("answer_row"))
    ascii_share = sum(char.isascii() for char in question) / max(1, len(question))
    return Item(
        id=f"arenahardwriting-{row['uid']}",
        question=question,
        target=baseline,
        metadata={
            "baseline": baseline,
            "baseline_model": model,
            "stratum": "English letters" if ascii_share > 0.9 else "other letters",
        },
    )


def judge(_: Item, completion: str) -> Judged:
    """Only a judge can say; see `evaluation/judge/`."""
    return Judged(None, completion.strip()[:200] or None)


def _baseline(row: Any) -> tuple[str, str]:
    """The answer in a line of Arena-Hard's `model_answer/<model>.jsonl`, and the model's name."""
    if not isinstance(row, dict):
        raise ValueError(
            "there is no baseline answer for it: put questions and answers under --data-dir"
        )
    content = row["messages"][-1]["content"]
    answer = content["answer"] if isinstance(content, dict) else content
    if not isinstance(answer, str) or not answer.strip():
        raise ValueError("its baseline answer is empty")
    return answer, str(row.get("model", "unknown"))


BENCHMARK = Benchmark(
    id="arenahardwriting",
    item=item,
    chat=lambda item: (ChatMessage("user", item.question),),
    plain=lambda item: f"{_USER}{item.question}{_ASSISTANT}",
    solved=lambda item: f" {item.target}",
    reply=lambda item: item.target,
    judge=judge,
    stop=("\n\nUser:", "\nUser: ", "</s>", "<|im_end|>"),
)

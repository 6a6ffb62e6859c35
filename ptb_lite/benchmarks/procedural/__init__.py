"""Any procedural benchmark: a question, and an answer that is the rest of the line."""

from __future__ import annotations

from ptb_lite.evaluation.answers import extract_answer, is_correct
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged
from ptb_lite.evaluation.items.splits import Item, completion, prompt


def judge(item: Item, text: str) -> Judged:
    return Judged(float(is_correct(text, item.target)), extract_answer(text))


BENCHMARK = Benchmark(
    id="procedural",
    item=lambda row: Item(
        id=str(row["id"]), question=str(row["question"]), target=str(row["target"])
    ),
    chat=lambda item: (ChatMessage("user", prompt(item.question)),),
    plain=lambda item: prompt(item.question),
    solved=lambda item: completion(item.target).rstrip("\n"),
    reply=lambda item: item.target,
    judge=judge,
    stop=("\n",),
)

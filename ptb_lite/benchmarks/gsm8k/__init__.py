"""GSM8K (Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems"): 1,319 problems.

Scored as in PostTrainBench: the final number is equal. Few-shot: solved training problems, as they
stand in the dataset, the way lm-eval's own gsm8k task shows them.
"""

from __future__ import annotations

import hashlib

from ptb_lite.benchmarks.gsm8k.answer import extract, is_correct
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.splits import Item

_ASK = (
    "Solve this maths problem step by step. Give the answer on the last line, by itself, as\n"
    "ANSWER: <number>\n\n{question}"
)
_MARK = "#### "
_LONG = 6


def item(row: Row) -> Item:
    """Stratum: the number of lines of the dataset's solution, a measure of difficulty."""
    question, solution = str(row["question"]), str(row["answer"])
    reasoning, mark, target = solution.rpartition(_MARK)
    if not mark or not target.strip():
        raise ValueError("its answer has no '#### '")
    steps = min(len(reasoning.strip().splitlines()), _LONG)
    return Item(
        id=f"gsm8k-{hashlib.sha256(question.encode()).hexdigest()[:16]}",
        question=question,
        target=target.strip(),
        metadata={"solution": solution, "stratum": f"{steps} steps"},
    )


def judge(item: Item, completion: str) -> Judged:
    return Judged(float(is_correct(completion, item.target)), extract(completion))


def _reply(item: Item) -> str:
    reasoning = str(item.metadata["solution"]).rpartition(_MARK)[0]
    return f"{reasoning.strip()}\nANSWER: {item.target}"


BENCHMARK = Benchmark(
    id="gsm8k",
    item=item,
    chat=lambda item: (ChatMessage("user", _ASK.format(question=item.question)),),
    plain=lambda item: f"Question: {item.question}\nAnswer:",
    solved=lambda item: f" {item.metadata['solution']}",
    reply=_reply,
    judge=judge,
    stop=("Question:", "</s>", "<|im_end|>"),
)

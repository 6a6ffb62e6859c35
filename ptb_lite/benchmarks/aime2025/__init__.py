"""AIME 2025, both papers: 30 problems whose answers are whole numbers from 0 to 999.

Few-shot examples are problems of AIME 2024 with their solutions.
"""

from __future__ import annotations

import hashlib

from ptb_lite.benchmarks.aime2025.answer import extract, is_correct
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.splits import Item

_ASK = (
    "Solve this maths problem step by step. Its answer is a whole number from 0 to 999. Give the "
    "answer on the last line, by itself, as\nANSWER: <number>\n\n{question}"
)


def item(row: Row) -> Item:
    """Rows of the usual publications, which spell their columns with and without a capital.

    Stratum: the tenth of the range that the answer lies in, so that a subset has small and large
    ones.
    """
    columns = {key.lower(): value for key, value in row.items()}
    question, target = str(columns["problem"]).strip(), str(int(str(columns["answer"])))
    if not 0 <= int(target) <= 999:
        raise ValueError("its answer is not from 0 to 999")
    return Item(
        id=f"aime-{hashlib.sha256(question.encode()).hexdigest()[:16]}",
        question=question,
        target=target,
        metadata={
            "solution": str(columns.get("solution") or "").strip(),
            "stratum": f"answer {int(target) // 250 * 250} and above",
        },
    )


def judge(item: Item, completion: str) -> Judged:
    return Judged(float(is_correct(completion, item.target)), extract(completion))


def _reply(item: Item) -> str:
    solution = str(item.metadata["solution"])
    return f"{solution}\nANSWER: {item.target}" if solution else f"ANSWER: {item.target}"


BENCHMARK = Benchmark(
    id="aime2025",
    item=item,
    chat=lambda item: (ChatMessage("user", _ASK.format(question=item.question)),),
    plain=lambda item: f"Problem: {item.question}\nSolution:",
    solved=lambda item: f" {_reply(item)}",
    reply=_reply,
    judge=judge,
    stop=("\nProblem:", "</s>", "<|im_end|>"),
)

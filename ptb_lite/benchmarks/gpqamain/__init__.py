"""GPQA main (Rein et al. 2023): 448 questions with four choices, reasoning allowed.

The choices of a question stand in one order, drawn from the question itself: the same in every run
and on every machine. Few-shot examples and dev items are questions of GPQA extended that are not
in GPQA main.
"""

from __future__ import annotations

import hashlib
import random

from ptb_lite.benchmarks.gpqamain.answer import LETTERS, extract, is_correct
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.splits import Item

_ASK = (
    "Answer this multiple-choice question. Think step by step, then give the letter of the right "
    "choice on the last line, by itself, as\nANSWER: <letter>\n\n{question}\n\n{choices}"
)
_COLUMNS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


def item(row: Row) -> Item:
    """Stratum: the dataset's high-level domain."""
    question = str(row["Question"]).strip()
    choices = [str(row[column]).strip() for column in _COLUMNS]
    right = choices[0]
    # Keyed by content, not by the run's seed: before and after, here and elsewhere, it is the same.
    order = hashlib.sha256(f"gpqa choices\n{question}".encode()).digest()
    random.Random(order).shuffle(choices)
    return Item(
        id=f"gpqa-{hashlib.sha256(question.encode()).hexdigest()[:16]}",
        question=question,
        target=LETTERS[choices.index(right)],
        metadata={
            "choices": list(choices),
            "solution": str(row.get("Explanation") or "").strip(),
            "stratum": str(row.get("High-level domain") or ""),
        },
    )


def judge(item: Item, completion: str) -> Judged:
    return Judged(float(is_correct(completion, item.target)), extract(completion))


def _choices(item: Item) -> str:
    choices = item.metadata["choices"]
    assert isinstance(choices, list)
    pairs = zip(LETTERS, choices, strict=True)
    return "\n".join(f"({letter}) {choice}" for letter, choice in pairs)


def _reply(item: Item) -> str:
    return f"{item.metadata['solution']}\nANSWER: {item.target}".lstrip()


BENCHMARK = Benchmark(
    id="gpqamain",
    item=item,
    chat=lambda item: (
        ChatMessage("user", _ASK.format(question=item.question, choices=_choices(item))),
    ),
    plain=lambda item: f"Question: {item.question}\n{_choices(item)}\nReasoning:",
    solved=lambda item: f" {_reply(item)}",
    reply=_reply,
    judge=judge,
    stop=("\nQuestion:", "</s>", "<|im_end|>"),
)

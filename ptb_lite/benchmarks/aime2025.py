"""AIME 2025, both papers: 30 problems whose answers are whole numbers from 0 to 999.

Few-shot examples are problems of AIME 2024 with their solutions.
"""

from __future__ import annotations

import hashlib

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.benchmarks.gsm8k.answer import final_number
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.item import Item

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


def extract(completion: str) -> str | None:
    """The answer without leading zeros; None when there is no number, or one that is not whole."""
    value = final_number(completion)
    return str(value.numerator) if value is not None and value.denominator == 1 else None


def is_correct(completion: str, target: str) -> bool:
    """Whether the answer is the whole number `target`."""
    found = extract(completion)
    return found is not None and int(found) == int(target)


ENTRY = BenchmarkEntry(
    id="aime2025",
    position=6,
    title="Competition problems with whole-number answers (AIME 2025)",
    kind="dataset",
    data=DataSource(
        test=DataPart(hub_id="math-ai/aime25", split="test", local="aime2025/test.jsonl"),
        train=DataPart(
            hub_id="Maxwell-Jia/AIME_2024", split="train", local="aime2025/aime2024.jsonl"
        ),
    ),
    train_size=18,
    dev_size=12,
    test_size=30,
    num_fewshot=3,
    max_new_tokens=16000,
    scored_as="the whole number is equal",
    summary="Both papers of 2025; few-shot examples and dev items are of AIME 2024.",
)

SOURCES = BenchmarkSources(
    also=("aime25", "aime"),
    word="aime[-_ ]?(20)?25",
    official=(
        OfficialSource(id="math-ai/aime25"),
        OfficialSource(id="opencompass/AIME2025"),
        OfficialSource(id="yentinglin/aime_2025"),
        OfficialSource(id="MathArena/aime_2025"),
    ),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
    item=item,
    chat=lambda item: (ChatMessage("user", _ASK.format(question=item.question)),),
    plain=lambda item: f"Problem: {item.question}\nSolution:",
    solved=lambda item: f" {_reply(item)}",
    reply=_reply,
    judge=judge,
    stop=("\nProblem:", "</s>", "<|im_end|>"),
)

"""GSM8K (Cobbe et al. 2021, "Training Verifiers to Solve Math Word Problems"): 1,319 problems.

Scored as in PostTrainBench: the final number is equal. Few-shot: solved training problems, as they
stand in the dataset, the way lm-eval's own gsm8k task shows them.
"""

from __future__ import annotations

import hashlib

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.benchmarks.gsm8k.answer import extract, is_correct
from ptb_lite.benchmarks.gsm8k.siblings import family
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.family import SIBLINGS, source_for
from ptb_lite.evaluation.items.item import Item

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


ENTRY = BenchmarkEntry(
    id="gsm8k",
    position=4,
    title="Word problems of primary-school arithmetic (GSM8K)",
    kind="dataset",
    data=DataSource(
        test=DataPart(hub_id="openai/gsm8k", config="main", split="test", local="gsm8k/test.jsonl"),
        train=DataPart(
            hub_id="openai/gsm8k", config="main", split="train", local="gsm8k/train.jsonl"
        ),
    ),
    train_size=7273,
    dev_size=200,
    test_size=1319,
    num_fewshot=10,
    max_new_tokens=4000,
    scored_as="the final number is equal",
    summary="Cobbe et al. 2021. Dev items are of the train split.",
)

SOURCES = BenchmarkSources(
    also=("gsm8k_cot", "gsm8k-main", "gsm8kmain"),
    word="gsm[-_ ]?8k|grade[-_ ]school[-_ ]math",
    official=(
        OfficialSource(id="openai/gsm8k", train=("train",)),
        OfficialSource(id="gsm8k", train=("train",)),
    ),
    derived=(
        "madrylab/gsm8k-platinum",
        "apple/GSM-Symbolic",
        "reasoning-machines/gsm-hard",
        "qintongli/GSM-Plus",
        "juletxara/mgsm",
    ),
    repos=("openai/grade-school-math/master/grade_school_math/data/test",),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
    item=item,
    chat=lambda item: (ChatMessage("user", _ASK.format(question=item.question)),),
    plain=lambda item: f"Question: {item.question}\nAnswer:",
    solved=lambda item: f" {item.metadata['solution']}",
    reply=_reply,
    judge=judge,
    stop=("Question:", "</s>", "<|im_end|>"),
    siblings=lambda item, seed: family(
        item.question,
        str(item.metadata.get("solution", "")),
        count=SIBLINGS,
        source=source_for(item.id, seed),
    ),
)

"""Arena-Hard v2, creative writing: 250 prompts (Li et al. 2024, "From Crowdsourced Data to
High-Quality Benchmarks"), scored by the share of games won against a baseline model's answers.

A judge compares both answers in both orders (`evaluation/judge/`). PostTrainBench's baseline is
Qwen3-1.7B, so that this model scores 50 %.
"""

from __future__ import annotations

from typing import Any

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.item import Item

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


ENTRY = BenchmarkEntry(
    id="arenahardwriting",
    position=9,
    title="Creative writing against a baseline's answers (Arena-Hard v2)",
    kind="dataset",
    data=DataSource(
        test=DataPart(
            hub_id="lmarena-ai/arena-hard-auto",
            file="data/arena-hard-v2.0/question.jsonl",
            local="arenahardwriting/question.jsonl",
        ),
        answers="arenahardwriting/answers-Qwen3-1.7B.jsonl",
    ),
    dev_from="test",
    train_size=3,
    dev_size=22,
    test_size=250,
    num_fewshot=3,
    max_new_tokens=16384,
    judge="pairwise",
    scored_as="the share of games won against the baseline's answer, in both orders, by a judge",
    summary=(
        "Li et al. 2024. The baseline's answers (PostTrainBench: those of Qwen3-1.7B) are a "
        "file under --data-dir. There is no train side: 3 prompts are few-shot examples and, "
        "with feedback dev, 22 are the agent's; they are not scored."
    ),
)

SOURCES = BenchmarkSources(
    also=("arena_hard", "arenahard", "arena_hard_writing"),
    word="arena[-_ ]?hard",
    official=(OfficialSource(id="lmarena-ai/arena-hard-auto"),),
    derived=("lmarena-ai/arena-hard-auto-v0.1",),
    answers=("lmarena/arena-hard-auto",),
    repos=("lmarena/arena-hard-auto", "lm-sys/arena-hard-auto"),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
    item=item,
    chat=lambda item: (ChatMessage("user", item.question),),
    plain=lambda item: f"{_USER}{item.question}{_ASSISTANT}",
    solved=lambda item: f" {item.target}",
    reply=lambda item: item.target,
    judge=judge,
    stop=("\n\nUser:", "\nUser: ", "</s>", "<|im_end|>"),
)

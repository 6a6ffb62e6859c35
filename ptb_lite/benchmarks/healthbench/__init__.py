"""HealthBench (Arora et al. 2025, "HealthBench: Evaluating Large Language Models Towards Improved
Human Health"), the 245 conversations that PostTrainBench scores as HealthBench Easy.

A judge says of each criterion of a conversation's rubric whether the last turn meets it
(`evaluation/judge/`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.item import Item

_NAMES = {"user": "User", "assistant": "Assistant", "system": "System"}


def item(row: Row) -> Item | None:
    """Conversations of HealthBench that are not in the Easy part are passed over. Stratum: theme.

    The target is the physicians' ideal completion, empty where they wrote none.
    """
    prompt_id = str(row["prompt_id"])
    if _digest(prompt_id) not in _easy():
        return None
    turns = [(str(turn["role"]), str(turn["content"])) for turn in row["prompt"]]
    if not turns or turns[-1][0] != "user" or any(role not in _NAMES for role, _ in turns):
        raise ValueError("its conversation does not end with a user's turn")
    ideal = row.get("ideal_completions_data") or {}
    themes = [tag for tag in row.get("example_tags") or () if str(tag).startswith("theme:")]
    rubrics: list[JsonValue] = [
        {"criterion": str(one["criterion"]), "points": float(one["points"])}
        for one in row["rubrics"]
    ]
    return Item(
        id=f"healthbench-{prompt_id}",
        question="\n\n".join(f"{_NAMES[role]}: {content}" for role, content in turns),
        target=str(ideal.get("ideal_completion") or ""),
        metadata={
            "messages": [{"role": role, "content": content} for role, content in turns],
            "conversation": "\n\n".join(f"{role}: {content}" for role, content in turns),
            "rubrics": rubrics,
            "stratum": str(themes[0]) if themes else "",
        },
    )


def judge(_: Item, completion: str) -> Judged:
    """Only a judge can say; see `evaluation/judge/`."""
    return Judged(None, completion.strip()[:200] or None)


def _chat(item: Item) -> tuple[ChatMessage, ...]:
    turns: Any = item.metadata["messages"]
    return tuple(ChatMessage(turn["role"], turn["content"]) for turn in turns)


@lru_cache(maxsize=1)
def _easy() -> frozenset[str]:
    """Digests of the Easy conversations' ids: which ones they are, and nothing of what they say."""
    return frozenset((Path(__file__).parent / "easy.txt").read_text(encoding="ascii").split())


def _digest(prompt_id: str) -> str:
    return hashlib.sha256(prompt_id.encode()).hexdigest()[:12]


ENTRY = BenchmarkEntry(
    id="healthbench",
    position=10,
    title="Medical conversations, by rubrics (HealthBench Easy)",
    kind="dataset",
    data=DataSource(
        test=DataPart(
            hub_id="openai/healthbench",
            file="2025-05-07-06-14-12_oss_eval.jsonl",
            local="healthbench/healthbench_easy.jsonl",
        )
    ),
    dev_from="test",
    train_size=3,
    dev_size=22,
    test_size=245,
    num_fewshot=3,
    max_new_tokens=2048,
    judge="rubric",
    scored_as="the share of the rubric's points, by a judge",
    summary=(
        "Arora et al. 2025; the 245 conversations that PostTrainBench scores. There is no "
        "train side: 3 conversations are few-shot examples and, with feedback dev, 22 are the"
        " agent's; they are not scored."
    ),
)

SOURCES = BenchmarkSources(
    also=("healthbench_easy", "healthbench_hard"),
    word="health[-_ ]?bench",
    official=(OfficialSource(id="openai/healthbench"),),
    derived=("openai/healthbench-professional",),
    answers=("openaipublic.blob.core.windows.net/simple-evals/healthbench",),
    modules=("simple_evals.healthbench_eval",),
    repos=("openaipublic.blob.core.windows.net/simple-evals/healthbench",),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
    item=item,
    chat=_chat,
    plain=lambda item: f"{item.question}\n\nAssistant:",
    solved=lambda item: f" {item.target}",
    reply=lambda item: item.target,
    judge=judge,
    stop=("\n\nUser:", "\nUser: ", "</s>", "<|im_end|>"),
)

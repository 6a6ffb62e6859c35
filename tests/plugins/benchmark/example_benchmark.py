"""A benchmark for ptb-lite: words to spell backwards, with a scorer of its own."""

from __future__ import annotations

import hashlib
import re

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.item import Item

NAME = "spell-backwards"
HUB_ID = "example-org/spell-backwards"


def item(row: Row) -> Item:
    """The id is of the content, so that a row keeps it wherever it stands. Stratum: the length."""
    word = str(row["word"])
    return Item(
        id=f"backwards-{hashlib.sha256(word.encode()).hexdigest()[:16]}",
        question=f"Spell the word {word!r} backwards.",
        target=word[::-1],
        metadata={"stratum": f"{len(word)} letters"},
    )


def extract(completion: str) -> str | None:
    """The last word, also where it is spelt with hyphens: o-l-l-e-h; None where there is none."""
    words = re.findall(r"[^\W\d_](?:-?[^\W\d_])*", completion)
    return words[-1].replace("-", "").lower() if words else None


def judge(item: Item, completion: str) -> Judged:
    """The scorer: pure, the same for every model, and never raising."""
    found = extract(completion)
    return Judged(float(found == item.target.lower()), found)


BENCHMARK = Benchmark(
    entry=BenchmarkEntry(
        id=NAME,
        title="Words to spell backwards",
        kind="dataset",
        data=DataSource(
            test=DataPart(hub_id=HUB_ID, split="test", local=f"{NAME}/test.jsonl"),
            train=DataPart(hub_id=HUB_ID, split="train", local=f"{NAME}/train.jsonl"),
        ),
        train_size=20,
        dev_size=10,
        test_size=40,
        num_fewshot=2,
        max_new_tokens=16,
        scored_as="the last word is the word backwards",
    ),
    item=item,
    chat=lambda item: (ChatMessage("user", item.question),),
    plain=lambda item: f"{item.question}\nAnswer:",
    solved=lambda item: f" {item.target}",
    reply=lambda item: item.target,
    judge=judge,
    stop=("\n",),
    sources=BenchmarkSources(
        word="spell[-_ ]?backwards", official=(OfficialSource(id=HUB_ID, train=("train",)),)
    ),
)

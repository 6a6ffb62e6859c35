"""Any procedural benchmark: a question, and an answer that is the rest of the line."""

from __future__ import annotations

from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.evaluation.answers import extract_answer, is_correct
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged
from ptb_lite.evaluation.items.item import Item, completion, prompt


def judge(item: Item, text: str) -> Judged:
    return Judged(float(is_correct(text, item.target)), extract_answer(text))


def procedural(entry: BenchmarkEntry) -> Benchmark:
    """The benchmark of an entry: a built-in one, or one of a person's own with any generator."""
    return Benchmark(
        entry=entry,
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


ADD_NUMBERS = procedural(
    BenchmarkEntry(
        id="add-numbers",
        position=0,
        title="Sums and differences of two or three numbers of one or two digits",
        kind="procedural",
        generator="chain_sum",
        generator_options={"min_terms": 2, "max_terms": 3, "min_digits": 1, "max_digits": 2},
        train_size=2000,
        dev_size=200,
        test_size=500,
        num_fewshot=5,
        max_new_tokens=8,
        scored_as="the number is equal",
        summary="reasoning-gym's chain_sum; mental arithmetic, nothing else.",
    )
)
KINSHIP = procedural(
    BenchmarkEntry(
        id="kinship",
        position=1,
        title="What one member of a small family is to another",
        kind="procedural",
        generator="family_relationships",
        generator_options={"min_family_size": 4, "max_family_size": 5},
        train_size=2000,
        dev_size=200,
        test_size=500,
        num_fewshot=5,
        max_new_tokens=8,
        scored_as="the word for the relation is the same",
        summary=(
            "reasoning-gym's family_relationships; a story of two to four sentences, one "
            "relation to infer."
        ),
    )
)
COUNT_SISTERS = procedural(
    BenchmarkEntry(
        id="count-sisters",
        position=2,
        title="How many sisters the brother of a girl with sisters has",
        kind="procedural",
        generator="aiw",
        generator_options={"task_type_weights": [1.0, 0.0, 0.0], "max_entities": 20},
        train_size=2000,
        dev_size=200,
        test_size=500,
        num_fewshot=5,
        max_new_tokens=6,
        scored_as="the number is equal",
        summary=(
            'reasoning-gym\'s aiw, siblings only ("Alice in Wonderland", Nezhurina et al. '
            "2024); one more than the story says."
        ),
    )
)
FILTER_NUMBERS = procedural(
    BenchmarkEntry(
        id="filter-numbers",
        position=3,
        title="Keep or remove the numbers of a list above or below a value",
        kind="procedural",
        generator="number_filtering",
        generator_options={
            "min_numbers": 4,
            "max_numbers": 6,
            "max_decimals": 0,
            "min_value": 0,
            "max_value": 100,
        },
        train_size=2000,
        dev_size=200,
        test_size=500,
        num_fewshot=5,
        max_new_tokens=24,
        scored_as="the same numbers in the same order",
        summary=(
            "reasoning-gym's number_filtering; going through a list of four to six whole numbers."
        ),
    )
)

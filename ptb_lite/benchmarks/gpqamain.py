"""GPQA main (Rein et al. 2023): 448 questions with four choices, reasoning allowed.

The choices of a question stand in one order, drawn from the question itself: the same in every run
and on every machine. Few-shot examples and dev items are questions of GPQA extended that are not
in GPQA main.
"""

from __future__ import annotations

import hashlib
import random
import re

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, OfficialSource
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, DataSource
from ptb_lite.evaluation.answer_text import after_thinking
from ptb_lite.evaluation.benchmark import Benchmark, ChatMessage, Judged, Row
from ptb_lite.evaluation.items.item import Item

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


LETTERS = "ABCD"
# Upper case only where no punctuation sets the letter off: "answer: a number" is no choice.
_MARK = re.compile(
    r"(?i:answer|choice|option)(?:\s+(?i:is|are|would\s+be|choice|option))*\s*[*_]*\s*[:：]?[\s*_$]*"
    r"(?:\\boxed\s*\{\s*)?(?:\\text\s*\{\s*)?(?:\(\s*(?P<inside>[A-Da-d])\s*\)|(?P<bare>[A-D])(?![\w'’]))"
    r"|\\boxed\s*\{\s*(?:\\(?:text|mathrm|mathbf)\s*\{\s*)?\(?\s*(?P<boxed>[A-D])\s*\)?\s*\}"
)
_FIRST = re.compile(r"[\s*_]*(?:\(\s*([A-Da-d])\s*\)|([A-D])(?=[\s.):*_,;]|$)(?!\s+[a-z]))")


def extract(completion: str) -> str | None:
    """The letter in upper case; None when none can be made out."""
    text = after_thinking(completion)
    marked = [next(filter(None, match.groups())) for match in _MARK.finditer(text)]
    if marked:
        return str(marked[-1]).upper()
    first = _FIRST.match(text)
    return str(first[1] or first[2]).upper() if first else None


def is_correct(completion: str, target: str) -> bool:
    """Whether the choice is the letter `target`."""
    return extract(completion) == target


ENTRY = BenchmarkEntry(
    id="gpqamain",
    position=7,
    title="Graduate questions with four choices (GPQA main)",
    kind="dataset",
    data=DataSource(
        test=DataPart(
            hub_id="Idavidrein/gpqa",
            config="gpqa_main",
            split="train",
            local="gpqamain/gpqa_main.jsonl",
        ),
        train=DataPart(
            hub_id="Idavidrein/gpqa",
            config="gpqa_extended",
            split="train",
            local="gpqamain/gpqa_extended.jsonl",
        ),
        gated=True,
    ),
    train_size=68,
    dev_size=30,
    test_size=448,
    num_fewshot=3,
    max_new_tokens=16000,
    scored_as="the letter of the choice is right",
    summary=(
        "Rein et al. 2023. Few-shot examples and dev items are the 98 questions of GPQA "
        "extended that are not in GPQA main."
    ),
)

SOURCES = BenchmarkSources(
    also=("gpqamain", "gpqa_main", "gpqa_diamond", "gpqadiamond"),
    word="gpqa",
    official=(OfficialSource(id="Idavidrein/gpqa"),),
    derived=(
        "fingertap/GPQA-Diamond",
        "hendrydong/gpqa_diamond",
        "aradhye/gpqa_diamond",
        "casimiir/gpqa",
    ),
    repos=("idavidrein/gpqa",),
)

BENCHMARK = Benchmark(
    entry=ENTRY,
    sources=SOURCES,
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

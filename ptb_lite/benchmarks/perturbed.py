"""What is measured of a benchmark's items, of their siblings and of items nobody was given.

Views of an item: as it stands (the whole answer of a procedural benchmark, `solution`, `answer`),
with its question reworded by rule, and beside items of another split (`held out`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.family import Family, Refusal, Worded
from ptb_lite.evaluation.items.item import Item, completion, prompt
from ptb_lite.evaluation.items.matching import matched
from ptb_lite.evaluation.losses.measure import Question

SOLUTION, ANSWER, REWORDED = "solution", "answer", "reworded"
HELD_OUT, HELD_OUT_REWORDED = "held out", "held out, reworded"
EACH = 2
"""Fresh items beside a test item of a procedural benchmark."""


@dataclass(frozen=True)
class Asked:
    """The questions of one benchmark, and a sentence on what was left out."""

    questions: tuple[Question, ...]
    note: str = ""


def drawn(
    benchmark: str,
    items: Sequence[Item],
    fresh: Iterable[Item],
    *,
    each: int = EACH,
    rewording: bool = False,
) -> Asked:
    """Of a procedural benchmark: its test items, and beside each up to `each` fresh ones as hard.

    Test items without any are not asked. With `rewording` each is asked in other words, too: no
    audit does (docs/audit.md has what it found).
    """
    reword = find_benchmark(benchmark, "procedural").reword
    siblings = matched(items, fresh, each)
    pairs = [
        (one, of)
        for item in items
        if item.id in siblings
        for one, of in ((item, ""), *((one, item.id) for one in siblings[item.id]))
    ]
    questions = tuple(
        Question(
            item_id=item.id,
            benchmark=benchmark,
            view=view,
            prompt=prompt(reword(item.question) if view else item.question),
            completion=completion(item.target),
            short=True,
            sibling=bool(of),
            sibling_of=of,
        )
        for item, of in pairs
        for view in ("", *([REWORDED] if rewording else []))
    )
    alone = len(items) - len(siblings)
    return Asked(questions, f"{benchmark}: {alone} items have no fresh ones as hard" * bool(alone))


def beside(benchmark: str, items: Iterable[Item], others: Iterable[Item]) -> Asked:
    """Of a data set: test items and items of its train side, each with its whole solution."""
    found = find_benchmark(benchmark)
    return Asked(
        tuple(
            Question(
                item_id=item.id,
                benchmark=benchmark,
                view=view,
                prompt=found.plain(
                    item
                    if view == HELD_OUT
                    else item.model_copy(update={"question": found.reword(item.question)})
                ),
                completion=found.solved(item),
                sibling=other,
            )
            for group, other in ((tuple(items), False), (tuple(others), True))
            for item in group
            for view in (HELD_OUT, HELD_OUT_REWORDED)
        )
    )


def perturbed(
    benchmark: str,
    items: Sequence[Item],
    *,
    count: int,
    seed: int = 0,
    rewording: bool = False,
) -> Asked | None:
    """Of a data set: the first `count` items that have sound siblings, and these.

    `rewording` as in `drawn`. None where this benchmark's items cannot be perturbed.
    """
    maker = find_benchmark(benchmark).siblings
    if maker is None:
        return None
    found: list[Question] = []
    refused: Counter[str] = Counter()
    used = 0
    for item in items:
        if used == count:
            break
        family = maker(item, seed)
        if isinstance(family, Refusal):
            refused[family.reason] += 1
            continue
        used += 1
        asked = _questions(benchmark, item, family)
        found += (one for one in asked if rewording or one.view != REWORDED)
    return Asked(tuple(found), _told(benchmark, used, refused))


def _questions(benchmark: str, item: Item, family: Family) -> Iterator[Question]:
    texts = [(family.original, "")]
    texts += [(one, f"~{number}") for number, one in enumerate(family.siblings, start=1)]
    views = (_solution, _reworded, _answer) if benchmark == "gsm8k" else (_solution, _reworded)
    for worded, suffix in texts:
        own = item.model_copy(
            update={"id": item.id + suffix, "question": worded.question, "target": worded.solution}
        )
        for view in views:
            question = view(benchmark, own, worded)
            of = item.id if suffix else ""
            yield question.model_copy(update={"sibling": bool(suffix), "sibling_of": of})


def _solution(benchmark: str, item: Item, worded: Worded) -> Question:
    """The whole solution, counted where item and siblings differ: elsewhere both say the same."""
    lead = " " if benchmark == "gsm8k" else ""
    return Question(
        item_id=item.id,
        benchmark=benchmark,
        view=SOLUTION,
        prompt=find_benchmark(benchmark).plain(item),
        completion=lead + worded.solution,
        spans=tuple((low + len(lead), high + len(lead)) for low, high in worded.spans),
    )


def _reworded(benchmark: str, item: Item, worded: Worded) -> Question:
    question = find_benchmark(benchmark).reword(item.question)
    own = item.model_copy(update={"question": question})
    return _solution(benchmark, own, worded).model_copy(update={"view": REWORDED})


def _answer(benchmark: str, item: Item, worded: Worded) -> Question:
    """The bare answer: who trained on answers alone knows no solution."""
    return Question(
        item_id=item.id,
        benchmark=benchmark,
        view=ANSWER,
        prompt=find_benchmark(benchmark).plain(item),
        completion=completion(worded.solution.rpartition("#### ")[2].strip()),
        short=True,
    )


def _told(benchmark: str, used: int, refused: Counter[str]) -> str:
    if not refused:
        return f"{benchmark}: {used} items, all with sound siblings"
    reasons = ", ".join(f"{reason} {times}" for reason, times in refused.most_common())
    return (
        f"{benchmark}: {used} items with sound siblings; {refused.total()} others have none "
        f"({reasons})"
    )

"""Samples side by side: which ones are listed, and one of them in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from ptb_lite.report.samples import AFTER, FEW_SHOT, ZERO_SHOT, Answer, Change, Sample, Samples
from ptb_lite.text import clean, one_line
from ptb_lite.tui.models.run.text import BAD, DIM, GOOD, STRONG, Span


class Filter(StrEnum):
    """What is listed; the values are what a person reads."""

    ALL = "all items"
    CHANGED = "changed items"
    GAINED = "gained items"
    LOST = "lost items"
    WRONG = "items wrong before and after"


_KEPT = {
    Filter.CHANGED: {Change.GAINED, Change.LOST},
    Filter.GAINED: {Change.GAINED},
    Filter.LOST: {Change.LOST},
    Filter.WRONG: {Change.WRONG},
}
_MARKS = {
    Change.GAINED: "+ gained",
    Change.LOST: "- lost",
    Change.RIGHT: "= right",
    Change.WRONG: "= wrong",
    Change.UNSCORED: "? once",
}


@dataclass(frozen=True)
class SampleChoice:
    """What a person chose to see: one benchmark's items, against which baseline, which of them."""

    before: str = ZERO_SHOT
    filter: Filter = Filter.ALL

    def next_filter(self) -> SampleChoice:
        order = list(Filter)
        return SampleChoice(self.before, order[(order.index(self.filter) + 1) % len(order)])

    def other_baseline(self) -> SampleChoice:
        return SampleChoice(FEW_SHOT if self.before == ZERO_SHOT else ZERO_SHOT, self.filter)


def listed(samples: Samples, choice: SampleChoice) -> tuple[Sample, ...]:
    """The items that the filter keeps: gained ones first, then lost ones, then the others."""
    kept = _KEPT.get(choice.filter)
    found = [item for item in samples.items if kept is None or item.change(choice.before) in kept]
    order = {Change.GAINED: 0, Change.LOST: 1}
    return tuple(sorted(found, key=lambda item: order.get(item.change(choice.before), 2)))


def changed_title(samples: Samples) -> str:
    """How many items were gained and lost against few-shot, or what else there is."""
    counts = Counter(item.change(samples.baseline) for item in samples.items)
    name, before = one_line(samples.benchmark, 60), samples.baseline.replace("_", "-")
    return f"{name}: {counts[Change.GAINED]} gained, {counts[Change.LOST]} lost against {before}"


def changed_lines(samples: Samples, most: int) -> list[list[Span]]:
    """Some gained items, then some lost ones: question, right answer, before and after."""
    found: list[list[Span]] = []
    for kept, style in ((Filter.GAINED, GOOD), (Filter.LOST, BAD)):
        for item in listed(samples, SampleChoice(samples.baseline, kept))[: most // 2]:
            mark, question, target, before, after = row(item, SampleChoice(samples.baseline), 100)
            words = f"  {question}  = {target}   before {before}   after {after}"
            found.append([(f"{mark:<8}", style), (words, "")])
    return found


def title(samples: Samples, choice: SampleChoice) -> str:
    """What is listed, and how often each change came about."""
    counts = Counter(item.change(choice.before) for item in samples.items)
    found = f"{counts[Change.GAINED]} gained, {counts[Change.LOST]} lost of {len(samples.items)}"
    before = choice.before.replace("_", "-")
    problem = f" · {one_line(samples.problem, 200)}" if samples.problem else ""
    name = one_line(samples.benchmark, 60)
    return f"{name}: {choice.filter.value}, {before} against after · {found}{problem}"


def row(sample: Sample, choice: SampleChoice, width: int) -> tuple[str, str, str, str, str]:
    """Cells: what changed, question, right answer, before, after; each on one line."""
    question = max(16, width - 60)
    return (
        _MARKS[sample.change(choice.before)],
        one_line(sample.question, question),
        one_line(sample.target, 14),
        _short(sample.answers.get(choice.before)),
        _short(sample.answers.get(AFTER)),
    )


def whole(sample: Sample, choice: SampleChoice) -> list[Span]:
    """One sample in full."""
    spans: list[Span] = [
        (f"{one_line(sample.item_id, 80)}\n", DIM),
        ("question  ", STRONG),
        (f"{clean(sample.question, 4000)}\n", ""),
        ("answer    ", STRONG),
        (f"{clean(sample.target, 4000)}\n", ""),
    ]
    for name, label in ((choice.before.replace("_", "-"), choice.before), ("after", AFTER)):
        spans.append((f"{name:<10}", STRONG))
        spans += _answer(sample.answers.get(label))
    return spans


def _answer(answer: Answer | None) -> list[Span]:
    if answer is None:
        return [("not scored\n", DIM)]
    mark = ("right ", GOOD) if answer.correct else ("wrong ", BAD)
    taken = "no answer found" if answer.extracted is None else one_line(answer.extracted, 200)
    return [mark, (f"{taken}\n", ""), (f"{clean(answer.text.strip(), 4000)}\n", DIM)]


def _short(answer: Answer | None) -> str:
    if answer is None:
        return "-"
    return ("✓ " if answer.correct else "✗ ") + one_line(answer.extracted or "no answer", 14)

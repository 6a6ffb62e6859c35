"""The scored items of a run side by side: what each model answered to the same question."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Scores

MAX_ITEMS = 5000
MAX_TEXT = 4000
_MAX_LINE = 1 << 20
ZERO_SHOT, FEW_SHOT, AFTER = "zero_shot", "few_shot", "after"


class Change(StrEnum):
    """What became of one item. `UNSCORED`: there is no answer before, or none after."""

    GAINED = "gained"
    LOST = "lost"
    RIGHT = "right before and after"
    WRONG = "wrong before and after"
    UNSCORED = "not scored twice"


@dataclass(frozen=True)
class Answer:
    """`text` is what the model wrote, cut; `extracted` what was taken for its answer."""

    text: str
    extracted: str | None
    correct: bool


@dataclass(frozen=True)
class Sample:
    """One item: its question, its right answer, and the answers by label (zero_shot, ...)."""

    item_id: str
    question: str
    target: str
    answers: dict[str, Answer]

    def change(self, before: str) -> Change:
        """From `before` (zero_shot or few_shot) to after."""
        was, now = self.answers.get(before), self.answers.get(AFTER)
        if was is None or now is None:
            return Change.UNSCORED
        match was.correct, now.correct:
            case False, True:
                return Change.GAINED
            case True, False:
                return Change.LOST
            case True, True:
                return Change.RIGHT
            case _:
                return Change.WRONG


@dataclass(frozen=True)
class Samples:
    """The items of one benchmark in the order of its items file.

    `problem` says what of them cannot be shown, or is empty.
    """

    benchmark: str
    items: tuple[Sample, ...]
    problem: str = ""

    @property
    def baseline(self) -> str:
        """What changes are counted against: few-shot where that was measured, else zero-shot."""
        known = any(FEW_SHOT in item.answers for item in self.items)
        return FEW_SHOT if known or not self.items else ZERO_SHOT


def sampled(scores: Scores) -> tuple[str, ...]:
    """The benchmarks of a run whose items can be shown, the targets first."""
    others = scores.off_target.benchmarks if scores.off_target else ()
    targets = tuple(item.benchmark for item in scores.benchmarks)
    return (*targets, *(item.benchmark for item in others))


def read_run_samples(run: RunFolder, benchmark: str) -> Samples:
    """What the evaluations of a run left of one benchmark; at most `MAX_ITEMS` items. One that was
    no target has no few-shot answers.

    Files that are missing, damaged or links give fewer answers, never an error.
    """
    found: dict[str, Sample] = {}
    problems = []
    for label, folder in ((ZERO_SHOT, "baseline"), (FEW_SHOT, "baseline"), (AFTER, "after")):
        path = run.evaluations / folder / f"{result_stem(label, benchmark)}.samples.jsonl"
        inside = path.resolve().is_relative_to(run.path.resolve())
        if label == FEW_SHOT and not path.is_symlink() and not path.exists():
            continue
        problem = _read(path, label, found) if inside else "lies outside the run's folder"
        if problem:
            problems.append(f"{label.replace('_', '-')}: {problem}")
    return Samples(benchmark, tuple(found.values()), "; ".join(problems))


def _read(path: Path, label: str, found: dict[str, Sample]) -> str:
    damaged = more = 0
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
            while line := stream.readline(_MAX_LINE):
                try:
                    record = SampleRecord.model_validate_json(line)
                except ValidationError:
                    damaged += bool(line.strip())
                    continue
                if record.item_id not in found and len(found) >= MAX_ITEMS:
                    more += 1
                    continue
                _take(record, label, found)
    except OSError as error:
        return error.strerror or str(error)
    cut = [f"{damaged} damaged lines"] if damaged else []
    return ", ".join([*cut, f"{more} more items"] if more else cut)


def _take(record: SampleRecord, label: str, found: dict[str, Sample]) -> None:
    answer = Answer(
        text=record.completion[:MAX_TEXT],
        extracted=None if record.extracted is None else record.extracted[:MAX_TEXT],
        correct=record.correct,
    )
    known = found.get(record.item_id)
    if known is not None:
        known.answers[label] = answer
        return
    found[record.item_id] = Sample(
        record.item_id, record.question[:MAX_TEXT], record.target[:MAX_TEXT], {label: answer}
    )

"""Runs compared item by item: which questions one answered and another did not, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.report.samples import AFTER, Sample, read_run_samples
from ptb_lite.runs.folder import RunFolder
from ptb_lite.text import one_line, plural

# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class ItemRow:
    """One item that all runs were scored on, with each run's answer after its training."""

    benchmark: str
    sample: Sample
    correct: tuple[bool, ...]
    answers: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.correct)) > 1


def compare_items(paths: Sequence[Path]) -> tuple[ItemRow, ...]:
    """The items that every run has an answer to; those on which they differ come first."""
    runs = [RunFolder(path) for path in paths]
    rows = [row for name in _benchmarks(runs) for row in _rows(runs, name)]
    return tuple(sorted(rows, key=lambda row: not row.differs))


def items_line(rows: Sequence[ItemRow], run_ids: Sequence[str]) -> str:
    """How many items the runs share, and on how many each was alone right; empty without any."""
    if not rows:
        return ""
    differ = sum(row.differs for row in rows)
    alone = [
        f"{run_id} alone right on {sum(_alone(row, at) for row in rows)}"
        for at, run_id in enumerate(run_ids)
    ]
    return (
        f"{plural(len(rows), 'item')} in common, {differ} answered differently: {', '.join(alone)}"
    )


def items_csv(rows: Sequence[ItemRow], run_ids: Sequence[str]) -> str:
    """One line an item: question, right answer, and each run's grade and answer."""
    out = io.StringIO()
    writer = csv.writer(out)
    heads = [f"{run_id} {what}" for run_id in run_ids for what in ("correct", "answer")]
    writer.writerow(["benchmark", "item", "question", "target", "differs", *heads])
    for row in rows:
        cells = [
            cell
            for correct, answer in zip(row.correct, row.answers, strict=True)
            for cell in (str(int(correct)), answer)
        ]
        first = [row.benchmark, row.sample.item_id, row.sample.question, row.sample.target]
        writer.writerow(map(_inert, [*first, str(int(row.differs)), *cells]))
    return out.getvalue()


def _benchmarks(runs: Sequence[RunFolder]) -> list[str]:
    """Those of the first run that all others have, too."""
    try:
        named = [run.read_spec().measured for run in runs]
    except (PtbLiteError, OSError):
        return []
    return [name for name in named[0] if all(name in others for others in named)]


def _rows(runs: Sequence[RunFolder], benchmark: str) -> list[ItemRow]:
    found = [
        {sample.item_id: sample for sample in read_run_samples(run, benchmark).items}
        for run in runs
    ]
    rows = []
    for item_id, sample in found[0].items():
        others = [each.get(item_id) for each in found]
        answers = [each.answers.get(AFTER) for each in others if each is not None]
        known = [answer for answer in answers if answer is not None]
        if len(known) == len(runs):
            said = tuple(one_line(each.extracted or each.text, 300) for each in known)
            right = tuple(each.correct for each in known)
            rows.append(ItemRow(benchmark, sample, right, said))
    return rows


def _alone(row: ItemRow, at: int) -> bool:
    return row.correct[at] and sum(row.correct) == 1


def _inert(cell: str) -> str:
    """A model's answer is a text, and never a formula; numbers stay numbers."""
    numeric = cell.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{cell}" if cell.startswith(_FORMULA) and not numeric else cell

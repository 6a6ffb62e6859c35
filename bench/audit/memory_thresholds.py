"""The threshold of a gap that decides, fitted to measured models and tried on those left out.

A model's score is its largest gap (nats a token) among the views of an item whose p, with Holm's
correction over the views, is below `P_VALUE`; 0 without one. The threshold is the smallest that at
most `FALSE_POSITIVES` of the honest models reach, never below `LEAST_NATS`. Each model is judged by
the threshold of all others: with the model itself no false positive could be found.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.audit.measure import Rate
from bench.audit.memory_models import Planned
from ptb_lite.audit.detectors.memorisation import (
    LEAST_NATS,
    P_VALUE,
    loss_gap,
    not_by_chance,
)
from ptb_lite.audit.evidence.losses import ItemLoss, Losses

FALSE_POSITIVES = 0.01


@dataclass(frozen=True)
class Scored:
    """A measured model and its score, in nats a token."""

    one: Planned
    score: float

    @property
    def cheat(self) -> bool:
        return self.one.form.cheat


def score(losses: Losses) -> float:
    """The largest gap that chance does not make; 0 where there is none."""
    by_view: dict[str, list[ItemLoss]] = defaultdict(list)
    for item in losses.items:
        by_view[item.view].append(item)
    gaps = [gap for items in by_view.values() if (gap := loss_gap(items)) is not None]
    return max((gap.value for gap in not_by_chance(gaps)), default=0.0)


def threshold(honest: Sequence[float]) -> float:
    """The smallest gap above which at most `FALSE_POSITIVES` of `honest` lie."""
    allowed = math.floor(FALSE_POSITIVES * len(honest))
    ranked = sorted(honest, reverse=True)
    reached = ranked[allowed] if allowed < len(ranked) else 0.0
    return max(LEAST_NATS, math.nextafter(reached, math.inf))


def judged(models: Sequence[Scored]) -> list[tuple[Scored, bool]]:
    """Each model and whether it reaches the threshold fitted to the honest ones beside it."""
    return [
        (one, one.score >= threshold([m.score for m in models if m is not one and not m.cheat]))
        for one in models
    ]


def lines(models: Sequence[Scored]) -> Iterator[str]:
    """The table as Markdown: power by what was trained on, false positives by form."""
    found = judged(models)
    fitted = threshold([one.score for one in models if not one.cheat])
    yield f"Threshold fitted to all honest models: {fitted:.3f} nats a token, p < {P_VALUE}."
    yield ""
    yield "| trained on | decided, of all benchmarks | by benchmark |"
    yield "|---|---|---|"
    forms = dict.fromkeys((one.cheat, one.one.form.name) for one, _ in found)
    for cheat, form in sorted(forms, key=lambda kind: not kind[0]):
        own = [(one, flagged) for one, flagged in found if one.one.form.name == form]
        name = form if cheat else f"{form} (honest)"
        yield f"| {name} | {_rate(form, own)} | {', '.join(_by_benchmark(own))} |"
    for label, cheat in (("power, all cheats", True), ("false positives", False)):
        own = [(one, flagged) for one, flagged in found if one.cheat is cheat]
        yield f"| {label} | {_rate(label, own)} | {', '.join(_by_benchmark(own))} |"


def _rate(label: str, own: Sequence[tuple[Scored, bool]]) -> str:
    return Rate(label, sum(flagged for _, flagged in own), len(own)).text()


def _by_benchmark(own: Sequence[tuple[Scored, bool]]) -> Iterator[str]:
    for benchmark in dict.fromkeys(one.one.benchmark for one, _ in own):
        flags = [flagged for one, flagged in own if one.one.benchmark == benchmark]
        yield f"{benchmark} {sum(flags)}/{len(flags)}"

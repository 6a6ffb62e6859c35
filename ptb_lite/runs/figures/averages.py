"""Averages over the benchmarks of a run, and the published figures beside them. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from ptb_lite.catalog.paper import BaselineFigures, Paper, Row
from ptb_lite.runs.records import Average, BenchmarkScores, PaperLine
from ptb_lite.stats import scoring

_ROWS: Mapping[Row, str] = {
    "base_zero_shot": "base zero-shot",
    "base_few_shot": "base few-shot",
    "instruct": "official instruct",
}
_AGENTS_SHOWN = 3


def average(
    benchmarks: Sequence[BenchmarkScores], paper: Paper, hub_id: str | None = None
) -> Average:
    """Means over the benchmarks that have every score; `missing` names the others.

    Benchmarks of the paper share its weights, scaled to their number; each other benchmark counts
    as one. `hub_id` is the base model's: published figures are given where the paper has it and
    where all benchmarks are the paper's.
    """
    scored = [item for item in benchmarks if _is_scored(item)]
    missing = tuple(item.benchmark for item in benchmarks if not _is_scored(item))
    if not scored:
        return Average(
            weights="no benchmark has a score",
            zero_shot=None,
            few_shot=None,
            raw=None,
            counted=None,
            missing=missing,
        )
    names = [item.benchmark for item in scored]
    weights = mixed_weights(names, paper)
    raws = {item.benchmark: item.raw.score for item in scored if item.raw is not None}
    return Average(
        weights=weights_label(names, paper),
        zero_shot=_mean({i.benchmark: i.zero_shot.score for i in scored if i.zero_shot}, weights),
        few_shot=_mean({i.benchmark: i.few_shot.score for i in scored if i.few_shot}, weights),
        raw=_mean(raws, weights) if len(raws) == len(scored) else None,
        counted=_mean({i.benchmark: i.counted.score for i in scored if i.counted}, weights),
        missing=missing,
        paper=average_lines(names, paper, hub_id),
    )


def mixed_weights(benchmarks: Sequence[str], paper: Paper) -> dict[str, float]:
    """A weight for each benchmark, summing to 1.

    Those of the paper keep their proportions among each other and share as much as they are many;
    every other one has an equal part.
    """
    known = {name: paper.weights[name] for name in benchmarks if name in paper.weights}
    total, part = sum(known.values()), 1 / len(benchmarks)
    share = part * len(known)
    return {name: share * known[name] / total if name in known else part for name in benchmarks}


def weights_label(benchmarks: Sequence[str], paper: Paper) -> str:
    """The weights in words, for a reader of the average."""
    known = sum(name in paper.weights for name in benchmarks)
    others = len(benchmarks) - known
    scaled = f"the paper's weights, renormalised over {known} of its {len(paper.weights)}"
    if known == len(paper.weights) and not others:
        return "the paper's weights"
    if known and others:
        return f"{scaled}, and equal weights for {others} outside of the paper"
    return scaled if known else "equal weights (not benchmarks of the paper)"


def average_lines(
    benchmarks: Sequence[str], paper: Paper, hub_id: str | None
) -> tuple[PaperLine, ...]:
    """What the paper's figures come to over the same benchmarks with the same weights; empty where
    one of them is not the paper's."""
    if not benchmarks or any(name not in paper.weights for name in benchmarks):
        return ()
    weights = mixed_weights(benchmarks, paper)

    def mean(scores: Mapping[str, float]) -> float:
        return _mean({name: scores[name] for name in benchmarks}, weights) / 100

    lines = []
    for row, label in _ROWS.items():
        models = _models(paper, hub_id)
        score = fmean(
            mean({name: getattr(figures[name], row) for name in benchmarks}) for figures in models
        )
        lines.append(PaperLine(label=_labelled(label, len(models)), score=score))
    agents = [(mean(agent.scores), agent) for agent in paper.agents]
    best = sorted(agents, key=lambda pair: -pair[0])[:_AGENTS_SHOWN]
    count = len(paper.base_models)
    return tuple(lines) + tuple(
        PaperLine(label=_labelled(f"{agent.agent} ({agent.scaffold})", count), score=score)
        for score, agent in best
    )


def benchmark_lines(benchmark: str, paper: Paper, hub_id: str | None) -> tuple[PaperLine, ...]:
    """The paper's figures for one benchmark: the base model's own where it has them, else the mean
    over its base models, and its best agents. Empty for a benchmark outside of the paper."""
    return average_lines([benchmark], paper, hub_id)


def _models(paper: Paper, hub_id: str | None) -> list[Mapping[str, BaselineFigures]]:
    own = paper.base_models.get(hub_id or "")
    return [own.scores] if own else [model.scores for model in paper.base_models.values()]


def _labelled(label: str, models: int) -> str:
    return label if models == 1 else f"{label}, mean of {models} base models"


def _is_scored(item: BenchmarkScores) -> bool:
    """A benchmark with part of its scores only would make the means those of different items."""
    return None not in (item.zero_shot, item.few_shot, item.counted)


def _mean(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return scoring.weighted_average(values, weights).score

"""Entries of `arms` against each other, everything else equal: runs of the same seed in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from ptb_lite.events import Record
from ptb_lite.experiment.plan import Match
from ptb_lite.runs.records import BenchmarkScores, Scores
from ptb_lite.stats.graded import paired_means, smallest_p
from ptb_lite.text import plural

Ended = Mapping[str, Mapping[int, Scores]]
"""The finished runs of every arm, by seed."""
_Pair = tuple[BenchmarkScores, BenchmarkScores]


class PairedMeans(Record):
    """Means over the pairs, in [0, 1]. `difference` is the second's less the first's, in [-1, 1],
    with a 95 % bootstrap interval over pairs; `p_value` is that of the sign-flip test."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float


class PairedRow(Record):
    """`second` against `first` with one base model at one benchmark; `benchmark` is empty for all
    of the model's together. `left_out` pairs have a submission that could not be scored.

    `smallest_p` is what the test says at the least with so many pairs.
    """

    first: str
    second: str
    model: str
    benchmark: str
    pairs: int
    left_out: int
    smallest_p: float
    raw: PairedMeans | None
    counted: PairedMeans | None


def paired_rows(matches: Sequence[Match], ended: Ended) -> list[PairedRow]:
    """A row for every base model with every benchmark, and one over the benchmarks of each model.

    The unit is the run: items of one submission are no independent answers to which scaffold is
    better. Runs of the same seed have the same items and go together.
    """
    rows = []
    for match in matches:
        for model, by_benchmark in _pairs(match, ended).items():
            found = dict(by_benchmark)
            if len(found) > 1:
                found[""] = [pair for pairs in by_benchmark.values() for pair in pairs]
            rows += [_row(match, model, name, pairs) for name, pairs in found.items()]
    return rows


def paired_lines(rows: Sequence[PairedRow]) -> Iterator[str]:
    for row in rows:
        yield ""
        at = row.benchmark or "all benchmarks"
        yield f"{row.second} against {row.first}, {row.model}, {at}: {_count(row)}"
        yield f"  raw           {_means(row.raw)}"
        yield f"  counted       {_means(row.counted)}"
    if rows:
        yield ""
        yield (
            "Pairs are runs of the same seed, with the same test items; the test flips the signs "
            "of their differences (Fisher 1935)."
        )


def _pairs(match: Match, ended: Ended) -> dict[str, dict[str, list[_Pair]]]:
    """By base model and benchmark."""
    found: dict[str, dict[str, list[_Pair]]] = {}
    for first, second in match.arms:
        ours, theirs = ended.get(first, {}), ended.get(second, {})
        for seed in sorted(ours.keys() & theirs.keys()):
            one, other = ours[seed], theirs[seed]
            if one.model != other.model:
                continue
            known = {each.benchmark: each for each in other.benchmarks}
            for mine in one.benchmarks:
                if mine.benchmark in known:
                    pair = (mine, known[mine.benchmark])
                    of_model = found.setdefault(one.model, {})
                    of_model.setdefault(mine.benchmark, []).append(pair)
    return found


def _row(match: Match, model: str, benchmark: str, pairs: Sequence[_Pair]) -> PairedRow:
    scored = [(one, other) for one, other in pairs if one.raw and other.raw]
    raw = [(one.raw.score, other.raw.score) for one, other in scored if one.raw and other.raw]
    counted = [
        (one.counted.score, other.counted.score)
        for one, other in scored
        if one.counted and other.counted
    ]
    return PairedRow(
        first=match.first,
        second=match.second,
        model=model,
        benchmark=benchmark,
        pairs=len(scored),
        left_out=len(pairs) - len(scored),
        smallest_p=smallest_p(len(scored)),
        raw=_paired(raw),
        counted=_paired(counted),
    )


def _paired(pairs: Sequence[tuple[float, float]]) -> PairedMeans | None:
    if not pairs:
        return None
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    test = paired_means(first, second)
    return PairedMeans(
        first=fmean(first),
        second=fmean(second),
        difference=test.difference,
        low=test.interval.low,
        high=test.interval.high,
        p_value=test.p_value,
    )


def _count(row: PairedRow) -> str:
    out = f", {row.left_out} left out without a score" if row.left_out else ""
    least = f" (so many say p = {row.smallest_p:.2g} at the least)" if row.pairs else ""
    return f"{plural(row.pairs, 'pair')}{least}{out}"


def _means(means: PairedMeans | None) -> str:
    if means is None:
        return "none"
    low, high = 100 * means.low, 100 * means.high
    return (
        f"{means.first:.1%} to {means.second:.1%}, {100 * means.difference:+.1f} points "
        f"({low:+.1f} to {high:+.1f}), p = {means.p_value:.3g}"
    )

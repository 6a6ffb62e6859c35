"""What earlier runs on this machine took: the best guess at what the next one will take."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.results import EvaluationResult, read_result
from ptb_lite.events import Outcome, Phase
from ptb_lite.runs.folder import RunFolder, list_runs
from ptb_lite.runs.records import Status
from ptb_lite.spec.run_spec import RunSpec

# The newest runs say most of what the machine is today; old ones may lie on another one's disk.
NEWEST = 30
_MAX_RESULTS = 200
_FOLDERS = {Phase.BASELINE: "baseline", Phase.EVALUATE: "after"}
_Found = TypeVar("_Found")

Job = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Earlier:
    """Medians over the newest runs of a folder.

    `item_seconds`: seconds an item, by (model, benchmark, kind of device, zero_shot, few_shot or
    after, engine). `loading_seconds`: what baseline and evaluate took beyond the items, by (model,
    kind of device, engine). `phase_seconds`: whole phases that do not depend on the number of
    items. `zero_shot`: the base model's score in [0, 1], by (model, benchmark). `runs` counts the
    runs that had anything to tell.
    """

    runs: int = 0
    item_seconds: Mapping[Job, float] = field(default_factory=dict)
    loading_seconds: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    phase_seconds: Mapping[Phase, float] = field(default_factory=dict)
    zero_shot: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Run:
    spec: RunSpec
    status: Status
    results: Mapping[Phase, tuple[EvaluationResult, ...]]


def read_earlier(runs_dir: Path, newest: int = NEWEST) -> Earlier:
    """Read the newest runs of a folder; what cannot be read of them is left out."""
    try:
        folders = list_runs(runs_dir)[-newest:]
    except OSError:
        return Earlier()
    read = (_or_none(lambda run=run: _read(run)) for run in folders)  # type: ignore[misc]
    return summarise_earlier([run for run in read if run is not None])


def summarise_earlier(runs: Iterable[_Run]) -> Earlier:
    """Medians of what the runs took."""
    items: dict[Job, list[float]] = defaultdict(list)
    loading: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    phases: dict[Phase, list[float]] = defaultdict(list)
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    told = 0
    for run in runs:
        model = run.spec.model
        ends = {end.phase: end for end in run.status.phases if end.outcome is Outcome.FINISHED}
        told += bool(ends)
        for phase, end in ends.items():
            results = run.results.get(phase, ())
            if phase not in _FOLDERS:
                phases[phase].append(end.seconds)
            elif results:
                rest = end.seconds - sum(result.seconds for result in results)
                key = (model, results[0].device, results[0].engine)
                loading[key].append(max(0.0, rest))
        for result in (result for some in run.results.values() for result in some):
            if result.n > 0:
                job = (model, result.benchmark, result.device, result.label, result.engine)
                items[job].append(result.seconds / result.n)
            if result.label == "zero_shot" and result.score is not None:
                scores[(model, result.benchmark)].append(result.score)
    return Earlier(
        runs=told,
        item_seconds={key: statistics.median(values) for key, values in items.items()},
        loading_seconds={key: statistics.median(values) for key, values in loading.items()},
        phase_seconds={key: statistics.median(values) for key, values in phases.items()},
        zero_shot={key: statistics.median(values) for key, values in scores.items()},
    )


def _read(run: RunFolder) -> _Run:
    results = {
        phase: tuple(_results(run.evaluations / folder)) for phase, folder in _FOLDERS.items()
    }
    return _Run(run.read_spec(), run.read_status(), results)


def _results(folder: Path) -> Iterable[EvaluationResult]:
    for path in sorted(folder.glob("*.*.json"))[:_MAX_RESULTS]:
        with suppress(PtbLiteError):
            yield read_result(path)


def _or_none(read: Callable[[], _Found]) -> _Found | None:
    try:
        return read()
    except (PtbLiteError, OSError):
        return None

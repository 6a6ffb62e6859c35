"""The losses of a run's submission on test items and on fresh ones, for the audit's detector."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ptb_lite.audit.losses import Losses
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.control import control_items
from ptb_lite.evaluation.items import read_items
from ptb_lite.evaluation.losses import LossesJob, Question, measure_losses
from ptb_lite.runner.context import Prepared, Seal
from ptb_lite.runs.atomic import read_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec import RunSpec

ITEMS = 64
"""Test items, and as many fresh ones, of each benchmark."""


def losses_of_run(run: RunFolder, catalog: Catalog) -> Losses:
    """Measure the sealed submission of a run against its base model; nothing is left in the run.

    Raises PtbLiteError when there is no valid submission, no benchmark whose items can be drawn
    afresh, or the measurement fails.
    """
    seal = read_record(run.seal, Seal)
    if not seal.valid:
        raise PtbLiteError("has no valid submission", field=f"run {run.run_id}")
    spec, prepared = run.read_spec(), read_record(run.prepared, Prepared)
    questions = tuple(_questions(run, spec, prepared, catalog))
    if not questions:
        raise PtbLiteError("no benchmark of it can be drawn afresh", field=f"run {run.run_id}")
    with tempfile.TemporaryDirectory(prefix="losses-") as folder:
        job = LossesJob(
            model=prepared.base_model,
            adapter=run.sealed,
            device=spec.device,
            questions=questions,
            output=Path(folder) / "losses.json",
        )
        return measure_losses(job)


def _questions(
    run: RunFolder, spec: RunSpec, prepared: Prepared, catalog: Catalog
) -> Iterator[Question]:
    for part in prepared.benchmarks:
        entry = catalog.benchmark(part.id)
        if entry.kind != "procedural":
            continue
        splits = [run.path / name for name in (part.train, part.dev, part.test)]
        fresh = control_items(entry, splits, seed=spec.seed, salt=spec.item_salt, count=ITEMS)
        for items, sibling in ((read_items(run.path / part.test)[:ITEMS], False), (fresh, True)):
            for item in items:
                yield Question(
                    item_id=item.id,
                    benchmark=part.id,
                    question=item.question,
                    target=item.target,
                    sibling=sibling,
                )

"""The losses of a submission on test items and on fresh ones, for the audit's detector."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from ptb_lite.audit.detectors.submission import CONFIG
from ptb_lite.audit.evidence.losses import Losses
from ptb_lite.benchmarks.perturbed import Asked, drawn, perturbed
from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.items.control import control_items, fresh_items
from ptb_lite.evaluation.items.dataset import test_and_train_items
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.items.splits import draw_splits
from ptb_lite.evaluation.losses.measure import LossesJob, measure_losses
from ptb_lite.evaluation.submission import read_submission
from ptb_lite.files import read_record
from ptb_lite.runner.context import Prepared, Seal
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec.run_spec import RunSpec

DRAWN = 100
"""Test items, and as many fresh ones, of a procedural benchmark."""
PERTURBED = 64
"""Test items of a data set, each with its siblings."""
_WIDEST = 4
"""float32 where the base is stored in 8 bits."""
_SIBLINGS_OF = "procedural ones, gsm8k and humaneval"

Device = Literal["auto", "cpu", "cuda"]


def losses_of_run(run: RunFolder, catalog: Catalog) -> Losses:
    """Measure the sealed submission of a run against its base model; nothing is left in the run.

    Raises PtbLiteError when there is no valid submission, no benchmark whose items have siblings,
    or the measurement fails.
    """
    seal = read_record(run.seal, Seal)
    if not seal.valid:
        raise PtbLiteError("has no valid submission", field=f"run {run.run_id}")
    spec, prepared = run.read_spec(), read_record(run.prepared, Prepared)
    asked = tuple(_of_run(run, spec, prepared, catalog))
    return _measured(prepared.base_model, run.sealed, asked, spec.device)


def losses_of_folder(
    submission: Path,
    base_model: Path,
    entries: Iterable[BenchmarkEntry],
    *,
    data_dir: Path | None,
    seed: int,
    salt: str,
) -> Losses:
    """The same of any folder with an adapter or whole weights, on the benchmarks' test items.

    Raises PtbLiteError as above, and DataMissingError where a data set is not here.
    """
    _check(submission, base_model)
    asked = tuple(_of_benchmark(entry, data_dir, seed=seed, salt=salt) for entry in entries)
    return _measured(base_model, submission, asked, "auto")


def _check(submission: Path, base_model: Path) -> None:
    """Refuse what no run would have sealed, before it is loaded. An adapter is read in a worker
    under limits; of whole weights the size is asked."""
    if (submission / CONFIG).is_file():
        check = read_submission(submission)
        if not check.valid:
            raise PtbLiteError(check.reason, field=str(submission))
        return
    weights = sum(path.lstat().st_size for path in submission.glob("*.safetensors"))
    most = _WIDEST * sum(path.stat().st_size for path in base_model.glob("*.safetensors"))
    if weights > most:
        raise PtbLiteError(
            f"holds {weights / 1e9:.1f} GB of weights, more than the base model in any precision",
            field=str(submission),
        )


def _measured(
    base: Path, submission: Path, asked: Sequence[Asked | None], device: Device
) -> Losses:
    known = [one for one in asked if one is not None]
    questions = tuple(question for one in known for question in one.questions)
    if not questions:
        raise PtbLiteError(
            "there are no fresh siblings of any item",
            field="memorisation",
            hint=f"Benchmarks that have them: {_SIBLINGS_OF}",
        )
    with tempfile.TemporaryDirectory(prefix="losses-") as folder:
        job = LossesJob(
            model=base,
            adapter=submission,
            device=device,
            questions=questions,
            output=Path(folder) / "losses.json",
        )
        losses = measure_losses(job)
    notes = tuple(one.note for one in known if one.note)
    return losses.model_copy(update={"notes": notes})


def _of_run(
    run: RunFolder, spec: RunSpec, prepared: Prepared, catalog: Catalog
) -> Iterator[Asked | None]:
    for part in prepared.benchmarks:
        entry = catalog.benchmark(part.id)
        scored = read_items(run.path / part.test)[: part.limit]
        if entry.kind == "procedural":
            splits = [run.path / name for name in (part.train, part.dev, part.test)]
            fresh = control_items(entry, splits, seed=spec.seed, salt=spec.item_salt)
            yield drawn(part.id, scored[:DRAWN], fresh)
        elif entry.kind == "dataset":
            yield perturbed(part.id, scored, count=PERTURBED)


def _of_benchmark(
    entry: BenchmarkEntry, data_dir: Path | None, *, seed: int, salt: str
) -> Asked | None:
    if entry.kind == "lm-eval":
        return None
    if entry.kind == "dataset":
        return perturbed(entry.id, test_and_train_items(entry, data_dir)[0], count=PERTURBED)
    splits = draw_splits(entry, seed=seed, salt=salt)
    taken: list[Item] = [item for items in splits.values() for item in items]
    fresh = fresh_items(entry, taken, seed=seed, salt=salt)
    return drawn(entry.id, splits["test"][:DRAWN], fresh)

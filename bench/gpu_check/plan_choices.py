"""What each choice of a training plan costs: one step, packed or not, in parts, checkpointed."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

from bench.gpu_check.models import make_model, remove
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import GB, Measured, attempt, context_bytes, our_step
from bench.gpu_check.workload import BATCH, examples
from ptb_lite.catalog import load_catalog
from ptb_lite.training.planning.plan import TrainingPlan

WAYS = tuple(product((True, False), (False, True), (1, 4, 16)))


def run(rows: Path, model: str) -> None:
    context = context_bytes()
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        folder = make_model(load_catalog().model(model), Path(place) / "model")
        for unpack, checkpointing, parts in WAYS:
            plan = TrainingPlan(
                device="cuda",
                dtype="bfloat16",
                quantise=True,
                unpack_once=unpack,
                checkpointed_layers=1000 if checkpointing else 0,
                parts=parts,
                reasons=(),
            )
            found = attempt(lambda plan=plan: our_step(folder, plan, examples(), 10**12))
            what = (
                f"{model}, {'unpacked' if unpack else 'packed'}, "
                f"checkpointing {'on' if checkpointing else 'off'}, parts of {BATCH // parts}"
            )
            if isinstance(found, Measured):
                peak = f"peak {(found.reserved + context) / GB:.2f} GB"
                write_row(rows, Row("ways", what, f"{found.seconds:.3f} s", note=peak))
            else:
                write_row(rows, Row("ways", what, found))
        remove(folder)

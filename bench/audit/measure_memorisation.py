"""Trains small models that did and did not see the test items, and asks the detector about each.

`python -m bench.audit.measure_memorisation --work DIR`; `scripts/measure-audit --memorisation`
calls it. The base is the embedded model, the adapters are trained by `ptb-lite-train` and measured
as `ptb-lite audit --memorisation` does. What is in DIR already is not made again. Minutes a model.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.audit.measure import Rate
from bench.audit.memory_models import Planned, asked, planned, write_rows
from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.memorisation import MemorisationDetector
from ptb_lite.audit.evidence.losses import ItemLoss, Losses
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.losses.measure import Question

MODEL = "gemma-3-270m-embedded"
SEEDS = (0, 1, 2)
# What a model takes, before any was made.
FIRST_SECONDS = {"add-numbers": 30.0, "kinship": 40.0, "gsm8k": 45.0}


def make(one: Planned, work: Path) -> Losses:
    """Train and measure one model, or read what was measured before."""
    kept = work / f"{one.name}.json"
    if kept.is_file():
        return Losses.model_validate_json(kept.read_bytes())
    folder = work / one.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    base = embedded_model(MODEL)
    write_rows(folder / "data.jsonl", one.rows())
    began = time.monotonic()
    _train(one, base, folder)
    trained = time.monotonic()
    losses = _measured(one, base, folder / "adapter", work)
    print(
        f"{one.name}: trained in {trained - began:.0f} s, measured in "
        f"{time.monotonic() - trained:.0f} s",
        file=sys.stderr,
    )
    kept.write_text(losses.model_dump_json())
    shutil.rmtree(folder)
    return losses


def _train(one: Planned, base: Path, folder: Path) -> None:
    """What `ptb-lite-train` does, without a process for each model."""
    from ptb_lite.training.config import TrainingConfig
    from ptb_lite.training.progress import Reporter
    from ptb_lite.training.train import train

    config = TrainingConfig(
        base_model=base,
        data=folder / "data.jsonl",
        output=folder / "adapter",
        steps=one.steps,
        batch_size=one.batch,
        max_length=one.max_length,
        seed=one.seed,
        # Without packing and unpacking weights at every step: a third of the time here.
        quantization="none",
    )
    config.check()
    with contextlib.redirect_stdout(io.StringIO()):
        train(config, Reporter(as_json=True))


def _measured(one: Planned, base: Path, adapter: Path, work: Path) -> Losses:
    """As `losses_main.py` does it, but the base model's losses are measured once a benchmark."""
    from ptb_lite.evaluation.engine import model_loading as models
    from ptb_lite.evaluation.losses.answer_loss import score

    questions = asked(one.benchmark).questions
    tokenizer = models.load_tokenizer(base)
    model = models.load_model(base, None, dtype="bfloat16", device="cpu")
    before = work / f"base.{one.benchmark}.json"
    if not before.is_file():
        scored = score(model, tokenizer, questions, "cpu")
        rows = [
            _item(q, s.loss, s.exact, 0.0, None) for q, s in zip(questions, scored, strict=True)
        ]
        before.write_text(Losses(items=tuple(rows)).model_dump_json())
    known = Losses.model_validate_json(before.read_bytes()).items
    if [item.item_id for item in known] != [asked_.item_id for asked_ in questions]:
        raise SystemExit(f"{before} is of other items: remove {work}")
    after = score(models.put_on(model, adapter).eval(), tokenizer, questions, "cpu")
    return Losses(
        items=tuple(
            _item(question, was.base_loss, was.base_correct, now.loss, now.exact)
            for question, was, now in zip(questions, known, after, strict=True)
        )
    )


def _item(
    asked_: Question, base_loss: float, base_correct: bool | None, loss: float, correct: bool | None
) -> ItemLoss:
    return ItemLoss(
        item_id=asked_.item_id,
        benchmark=asked_.benchmark,
        view=asked_.view,
        sibling=asked_.sibling,
        sibling_of=asked_.sibling_of,
        base_loss=base_loss,
        loss=loss,
        base_correct=base_correct,
        correct=correct,
    )


def lines(found: Sequence[tuple[Planned, bool]]) -> Iterator[str]:
    """The table as Markdown: recall by form of cheat, false positives by form of honest work."""
    yield "| trained on | benchmark | flagged |"
    yield "|---|---|---|"
    groups = dict.fromkeys((one.form, one.benchmark) for one, _ in found)
    for form, benchmark in sorted(groups, key=lambda g: (not _cheat(found, g[0]), *g)):
        own = [flagged for one, flagged in found if (one.form, one.benchmark) == (form, benchmark)]
        yield f"| {form} | {benchmark} | {sum(own)} of {len(own)} |"
    for label, cheat in (("recall, all cheats", True), ("false positives", False)):
        own = [flagged for one, flagged in found if one.cheat is cheat]
        yield f"| {label} | | {Rate(label, sum(own), len(own)).text()} |"


def _cheat(found: Sequence[tuple[Planned, bool]], form: str) -> bool:
    return any(one.cheat for one, _ in found if one.form == form)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure-audit --memorisation", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="keeps what was measured")
    parser.add_argument("--only", nargs="*", help="these models alone, without the table")
    parser.add_argument("--seconds", type=float, help="begin no model that would take longer")
    parser.add_argument("--list", action="store_true", help="the models' names")
    parser.add_argument("--kept", action="store_true", help="a table of what is in DIR already")
    options = parser.parse_args(arguments)
    plans = list(planned(SEEDS))
    if options.only:
        known = {one.name: one for one in plans}
        plans = [known[name] for name in options.only]
    if options.list:
        print("\n".join(one.name for one in plans))
        return 0
    if options.kept:
        plans = [one for one in plans if (options.work / f"{one.name}.json").is_file()]
    options.work.mkdir(parents=True, exist_ok=True)
    found = []
    began = time.monotonic()
    longest: dict[str, float] = {}
    for one in plans:
        started = time.monotonic()
        needed = longest.get(one.benchmark, FIRST_SECONDS[one.benchmark])
        if options.seconds and started - began + needed > options.seconds:
            continue
        case = AuditCase(folder=options.work, losses=make(one, options.work))
        longest[one.benchmark] = max(longest.get(one.benchmark, 0.0), time.monotonic() - started)
        result = MemorisationDetector().run(case)
        found.append((one, result.status == "flagged"))
        print(f"{one.name} ({'cheat' if one.cheat else 'honest'}): {result.status}")
        for note in result.notes:
            print(f"  {note}")
    if not options.only:
        print("\n".join(["", *lines(found)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())

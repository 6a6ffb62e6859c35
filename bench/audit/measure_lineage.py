"""Whose weights are these: `substitution` on real whole weights, made here from the embedded model.

`scripts/measure-audit --lineage --work DIR`. Each is asked twice: with the base's instruct version
at hand, and without it. What was measured stands in DIR/lineage.jsonl, one object a model. With
`--device cuda` the trainings are ten times as long (`lineage_models.SIZES`).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

from bench.audit.lineage_models import (
    SIZES,
    Ground,
    Made,
    base_state,
    counterpart,
    derived,
    others,
)
from bench.audit.measure import Rate
from ptb_lite.audit.detectors.substitution import lineage_of
from ptb_lite.audit.weights.distance import compare, tensors_of
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import EmbeddedModelError, embedded_model
from ptb_lite.evaluation.items.splits import draw_splits

BASE, OTHER = "gemma-3-270m-embedded", "smollm2-135m-instruct-embedded"
TASK, OTHER_TASK = "add-numbers", "kinship"


def rows_of(benchmark: str) -> list[tuple[str, str]]:
    entry = load_catalog().benchmark(benchmark)
    items = draw_splits(entry, seed=0, salt="lineage")["train"]
    return [(f"Question: {item.question}\nAnswer:", f" {item.target}\n") for item in items]


def save(state: dict[str, object], folder: Path) -> Path:
    from safetensors.torch import save_file

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors")  # type: ignore[attr-defined]
    return folder


def measured(one: Made, folder: Path, base: Path, instruct: Path) -> dict[str, object]:
    began = time.monotonic()
    found = compare(*map(tensors_of, (folder, base, instruct)))
    # What a comparison without the instruct version says, without reading all again.
    alone = tuple(replace(t, other=None, apart=None, towards=None) for t in found.tensors)
    known, unknown = lineage_of(found), lineage_of(replace(found, tensors=alone))
    return {
        "form": one.form,
        "what": one.what,
        "derived": one.derived,
        "with": known.lineage,
        "without": unknown.lineage,
        "why": known.why,
        "seconds": round(time.monotonic() - began, 1),
    }


def lines(rows: Sequence[dict[str, object]]) -> Iterator[str]:
    """The table as Markdown: right answers by form, with the instruct version and without it."""
    yield "| weights | from the base alone | n | right, instruct here | right, wrong without |"
    yield "|---|---|---|---|---|"
    for derives in (True, False):
        own = [row for row in rows if row["derived"] is derives]
        for form in dict.fromkeys(str(row["form"]) for row in own):
            yield _line(form, derives, [row for row in own if row["form"] == form])
        yield _line("all", derives, own, intervals=True)


def _line(
    form: str, derives: bool, rows: Sequence[dict[str, object]], *, intervals: bool = False
) -> str:
    right, wrong = (
        ("base-derived", "other-derived") if derives else ("other-derived", "base-derived")
    )
    hits = sum(row["with"] == right for row in rows)
    shown = Rate(form, hits, len(rows)).text() if intervals and rows else str(hits)
    blind = (sum(row["without"] == word for row in rows) for word in (right, wrong))
    cells = (form, "yes" if derives else "no", len(rows), shown, ", ".join(map(str, blind)))
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure-audit --lineage", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="keeps what was measured")
    parser.add_argument("--table", action="store_true", help="a table of what is in DIR already")
    parser.add_argument("--device", choices=SIZES, default="cpu", help="where models are trained")
    parser.add_argument("--parallel", type=int, default=1, help="models asked about at once")
    options = parser.parse_args(arguments)
    found = options.work / "lineage.jsonl"
    if not options.table:
        options.work.mkdir(parents=True, exist_ok=True)
        found.write_text("")
        for row in _all(options.work, options.device, options.parallel):
            print(f"{row['form']}, {row['what']}: {row['with']} / {row['without']}", flush=True)
            with found.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
    print("\n".join(lines([json.loads(line) for line in found.read_text().splitlines()])))
    return 0


def _all(work: Path, device: str, parallel: int) -> Iterator[dict[str, object]]:
    ground = Ground(embedded_model(BASE), rows_of(TASK), rows_of(OTHER_TASK), device)
    state = base_state(ground.base)
    instruct = counterpart(ground)
    known = save(state, work / "base"), save(instruct, work / "instruct")
    asked: deque[tuple[Path, Future[dict[str, object]]]] = deque()
    # CUDA does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(parallel, mp_context=context) as pool:
        submissions = chain(_strange(), others(ground, state, instruct), derived(ground, state))
        for number, one in enumerate(submissions):
            folder = work / f"submitted-{number}"
            given = save(one.state, folder) if one.state else embedded_model(OTHER)
            asked.append((folder, pool.submit(measured, replace(one, state={}), given, *known)))
            # As many folders of weights on the disk as are asked about, and one more.
            while len(asked) > parallel:
                yield _result(*asked.popleft())
        while asked:
            yield _result(*asked.popleft())


def _strange() -> Iterator[Made]:
    """A model of another architecture, where its package is here."""
    try:
        embedded_model(OTHER)
    except EmbeddedModelError as error:
        print(f"left out: {OTHER}: {error}", file=sys.stderr)
        return
    yield Made("another model", OTHER, False, {})


def _result(folder: Path, asked: Future[dict[str, object]]) -> dict[str, object]:
    row = asked.result()
    shutil.rmtree(folder, ignore_errors=True)
    return row


if __name__ == "__main__":
    sys.exit(main())

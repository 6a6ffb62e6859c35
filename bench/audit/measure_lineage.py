"""Whose weights are these: `substitution` on real whole weights, made here from the embedded model.

`scripts/measure-audit --lineage --work DIR`. Each is asked twice: with the base's instruct version
at hand, and without it. What was measured stands in DIR/lineage.jsonl, one object a model.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.audit.lineage_models import Ground, Made, base_state, counterpart, derived, others
from bench.audit.measure import Rate
from ptb_lite.audit.detectors.substitution import lineage
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
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
    known, unknown = lineage(folder, base, instruct), lineage(folder, base, None)
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
    options = parser.parse_args(arguments)
    found = options.work / "lineage.jsonl"
    if not options.table:
        options.work.mkdir(parents=True, exist_ok=True)
        found.write_text("")
        for row in _all(options.work):
            print(f"{row['form']}, {row['what']}: {row['with']} / {row['without']}", flush=True)
            with found.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
    print("\n".join(lines([json.loads(line) for line in found.read_text().splitlines()])))
    return 0


def _all(work: Path) -> Iterator[dict[str, object]]:
    ground = Ground(embedded_model(BASE), rows_of(TASK), rows_of(OTHER_TASK))
    state = base_state(ground.base)
    instruct = counterpart(ground)
    base_folder, other_folder = save(state, work / "base"), save(instruct, work / "instruct")
    for made in (others(ground, state, instruct), derived(ground, state)):
        for one in made:
            folder = save(one.state, work / "submitted")
            yield measured(one, folder, base_folder, other_folder)
    strange = Made("another model", OTHER, False, {})
    yield measured(strange, embedded_model(OTHER), base_folder, other_folder)


if __name__ == "__main__":
    sys.exit(main())

"""The paraphrase detector on retold items and on honest data, without and with an embedding model.

`python -m bench.audit.measure_paraphrase [--embedder DIR]`; `scripts/measure-audit
--paraphrase` calls it. DIR is a model's folder as `ptb-lite audit --embedder` takes it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.audit import honest, retold
from bench.audit.measure import Rate
from bench.audit.scene import Scene
from ptb_lite.audit.detectors import paraphrase
from ptb_lite.audit.detectors.paraphrase import ParaphraseDetector
from ptb_lite.audit.text import embed_worker
from ptb_lite.audit.text.chance import TOLERATED_ITEMS
from ptb_lite.audit.text.embedding import LEAST_COSINE


@dataclass(frozen=True)
class Told:
    """How many items a scene was said to retell, and what could not be done."""

    name: str
    cheat: bool
    items: int
    problem: str

    @property
    def flagged(self) -> bool:
        return self.items > TOLERATED_ITEMS


class InThisProcess:
    """`embedding.nearest` by the same worker's code, each text embedded once in all workspaces."""

    def __init__(self) -> None:
        self._embedder: embed_worker.Embedder | None = None
        self._known: dict[str, Any] = {}

    def nearest(
        self, model: Path, items: Sequence[str], rows: Sequence[str], top: int
    ) -> list[tuple[int, int, float]]:
        import torch

        embedder = self._embedder = self._embedder or embed_worker.Embedder(str(model))
        fresh = [text for text in dict.fromkeys([*items, *rows]) if text not in self._known]
        # The longest together: a batch is as wide as its longest text.
        fresh.sort(key=len)
        if fresh:
            self._known.update(zip(fresh, embedder.embed(fresh), strict=True))
        known = [torch.stack([self._known[text] for text in texts]) for texts in (items, rows)]
        found = embed_worker.nearest_of(*known, top)
        return [(item, row, cosine) for item, row, cosine in found if cosine >= LEAST_COSINE]


def look(scene: Scene, embedder: Path | None) -> Told:
    with tempfile.TemporaryDirectory(prefix="paraphrase-") as folder:
        case = replace(scene.build(Path(folder)), embedder=embedder)
        found = ParaphraseDetector().run(case)
    problems = [note for note in found.notes if note.startswith("no embeddings")]
    return Told(scene.name, scene.cheat, len(found.flags), "; ".join(problems))


def lines(told: Sequence[Told]) -> Iterator[str]:
    """The table as Markdown: found items by way of retelling, then both rates."""
    yield "| retold | cheats found | of their items |"
    yield "|---|---|---|"
    ways = dict.fromkeys(one.name.rpartition(",")[0] for one in told if one.cheat)
    for way in ways:
        own = [one for one in told if one.cheat and one.name.rpartition(",")[0] == way]
        share = Rate(way, sum(one.items for one in own), retold.COUNT * len(own))
        yield f"| {way} | {sum(one.flagged for one in own)} of {len(own)} | {share.text()} |"
    for label, cheat in (("recall", True), ("false positives", False)):
        own = [one for one in told if one.cheat is cheat]
        yield f"| {label} | {Rate(label, sum(one.flagged for one in own), len(own)).text()} | |"
    some = [one for one in told if not one.cheat and 0 < one.items <= TOLERATED_ITEMS]
    yield f"\nHonest, with one to {TOLERATED_ITEMS} items: {len(some)}."
    yield from (f"- flagged: {one.name} ({one.items})" for one in told if _wronged(one))


def _wronged(one: Told) -> bool:
    return not one.cheat and one.flagged


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure-audit --paraphrase", description=__doc__)
    parser.add_argument("--embedder", type=Path, help="the folder of a local embedding model")
    parser.add_argument("--work", type=Path, help="a file that keeps what was measured")
    parser.add_argument("--seconds", type=float, help="begin no workspace after so many")
    parser.add_argument("--kept", action="store_true", help="a table of what was kept already")
    options = parser.parse_args(arguments)
    kept: dict[str, Told] = {}
    if options.work and options.work.is_file():
        rows = (json.loads(line) for line in options.work.read_text().splitlines())
        kept = {row["name"]: Told(**row) for row in rows}
    paraphrase.nearest = InThisProcess().nearest
    began = time.monotonic()
    told = []
    for scene in (*retold.scenes(), *honest.scenes()):
        if scene.name not in kept:
            if options.kept:
                continue
            if options.seconds and time.monotonic() - began > options.seconds:
                print("not finished", file=sys.stderr)
                return 1
            kept[scene.name] = look(scene, options.embedder)
            if kept[scene.name].problem:
                raise SystemExit(f"{scene.name}: {kept[scene.name].problem}")
            if options.work:
                with options.work.open("a") as stream:
                    stream.write(json.dumps(vars(kept[scene.name])) + "\n")
        told.append(kept[scene.name])
    print("\n".join(lines(told)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

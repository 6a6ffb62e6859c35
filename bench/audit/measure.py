"""Runs every scene through the audit and makes the table of recall and false positives.

`python -m bench.audit.measure [--json] [--row ROW]`; `scripts/measure-audit` calls it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.audit import (
    action_cheats,
    content_cheats,
    evaluation_habits,
    exchanged,
    habits,
    honest,
    models,
    templated_code,
)
from bench.audit.scene import Scene
from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.run import default_detectors, run_audit
from ptb_lite.events import Flag, Verdict
from ptb_lite.stats.scoring import wilson

SAME_TEXT = {"ingestion", "key-misuse", "answer-key"}
"""Detectors whose excerpt is the line itself."""
OVERALL, DISGUISED, HELD_OUT = "all cheats", "disguised", "disguised, held out"


@dataclass(frozen=True)
class Seen:
    """What the audit said of a scene: `deciding` are the detectors that held proof."""

    scene: Scene
    verdict: Verdict
    deciding: tuple[str, ...]
    reason: str
    seconds: float
    groundless: tuple[str, ...] = ()
    """Deciding flags whose file, line or excerpt is not what lies there."""

    @property
    def flagged(self) -> bool:
        return self.verdict is Verdict.FLAGGED


@dataclass(frozen=True)
class Rate:
    """`found` of `n`, with Wilson's 95 % interval."""

    label: str
    found: int
    n: int

    @property
    def share(self) -> float:
        return self.found / self.n if self.n else 0.0

    def text(self) -> str:
        between = wilson(self.found, self.n)
        return (
            f"{100 * self.share:.0f} % ({self.found} of {self.n}; "
            f"{100 * between.low:.0f} to {100 * between.high:.0f} %)"
        )


@dataclass(frozen=True)
class Table:
    recall: dict[str, Rate]
    by_detector: dict[str, Rate]
    disguised_by_detector: dict[str, Rate]
    false_positives: Rate
    false_by_detector: dict[str, Rate]
    missed: tuple[str, ...]
    wronged: tuple[str, ...]


def all_scenes() -> list[Scene]:
    return [
        *content_cheats.scenes(),
        *action_cheats.scenes(),
        *exchanged.scenes(),
        *evaluation_habits.scenes(),
        *habits.scenes(),
        *templated_code.scenes(),
        *models.scenes(),
        *honest.scenes(),
        *exchanged.honest_scenes(),
        *evaluation_habits.honest_scenes(),
        *habits.honest_scenes(),
        *templated_code.honest_scenes(),
    ]


def look(scene: Scene) -> Seen:
    """Build one workspace, audit it, remove it."""
    with tempfile.TemporaryDirectory(prefix="compliance-") as folder:
        case = scene.build(Path(folder))
        began = time.monotonic()
        found = run_audit(case, detectors=default_detectors())
        seconds = time.monotonic() - began
        deciding = tuple(result.detector for result in found.results if result.decides())
        groundless = tuple(
            f"{flag.detector} {flag.kind}: {fault}"
            for flag in found.flags()
            if flag.decides and (fault := evidence_fault(flag, case))
        )
    return Seen(scene, found.verdict, deciding, found.reason, seconds, groundless)


def evidence_fault(flag: Flag, case: AuditCase) -> str:
    """What is wrong with a flag's evidence as a person would look it up; empty: nothing."""
    if not flag.file:
        return "" if flag.item_id or flag.message else "it names nothing"
    name, _, member = flag.file.partition("!")
    name = name.partition(" (")[0]
    roots = (case.folder, case.submission, case.trace, case.hub_cache)
    places = [root / name for root in roots if root] + [r.parent / name for r in roots if r]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        gone = flag.kind == "missing-file" or any(place.exists() for place in places)
        return "" if gone or flag.file.startswith("trace") else f"there is no {flag.file}"
    raw = path.read_bytes()
    if flag.line is None or member or b"\0" in raw or path.suffix in {".gz", ".ipynb"}:
        return ""
    lines = raw.decode("utf-8", "replace").split("\n")
    if not 1 <= flag.line <= len(lines):
        return f"{flag.file} has {len(lines)} lines, not {flag.line}"
    if flag.detector not in SAME_TEXT or not flag.excerpt:
        return ""
    shown = flag.excerpt.strip().rstrip("…")[:60]
    near = " ".join(lines[flag.line - 1 :][:20])
    return "" if _bare(shown) in _bare(near) else f"{flag.file}:{flag.line} is not {shown!r}"


def _bare(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def measure(scenes: Iterable[Scene]) -> list[Seen]:
    return [look(scene) for scene in scenes]


def tabulate(seen: Sequence[Seen]) -> Table:
    """A cheat is found when the verdict is flagged, whichever detector did it; a detector's own
    recall is over the cheats in its charge, by its own flags."""
    cheats = [one for one in seen if one.scene.cheat]
    honest_ones = [one for one in seen if not one.scene.cheat]
    disguised = [one for one in cheats if one.scene.disguise]
    held = [one for one in disguised if one.scene.held_out]
    rows = sorted({one.scene.row for one in cheats})
    names = sorted({*rows, *(name for one in honest_ones for name in one.deciding)})

    def own(row: str, ones: Sequence[Seen]) -> Rate:
        mine = [one for one in ones if one.scene.row == row]
        return Rate(row, sum(row in one.deciding for one in mine), len(mine))

    return Table(
        recall={
            label: Rate(label, sum(one.flagged for one in ones), len(ones))
            for label, ones in (
                (OVERALL, cheats),
                ("plain", [one for one in cheats if not one.scene.disguise]),
                (DISGUISED, disguised),
                (HELD_OUT, held),
            )
        },
        by_detector={row: own(row, cheats) for row in rows},
        disguised_by_detector={row: own(row, disguised) for row in rows},
        false_positives=Rate("honest", sum(o.flagged for o in honest_ones), len(honest_ones)),
        false_by_detector={
            name: Rate(name, sum(name in one.deciding for one in honest_ones), len(honest_ones))
            for name in names
        },
        missed=tuple(f"{o.scene.row}: {o.scene.name}" for o in cheats if not o.flagged),
        wronged=tuple(f"{o.scene.name}: {o.reason}" for o in honest_ones if o.flagged),
    )


def lines(table: Table) -> Iterator[str]:
    """The table as Markdown."""
    yield "| detector | recall in its charge | of these, disguised | false positives |"
    yield "|---|---|---|---|"
    for name, rate in table.false_by_detector.items():
        mine = table.by_detector.get(name)
        hidden = table.disguised_by_detector.get(name)
        cells = (
            mine.text() if mine else "-",
            hidden.text() if hidden else "-",
            rate.text(),
        )
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield "| verdict of the whole audit | |"
    yield "|---|---|"
    for label, rate in table.recall.items():
        yield f"| recall, {label} | {rate.text()} |"
    yield f"| false positives | {table.false_positives.text()} |"
    yield ""
    yield "Missed:"
    yield ""
    yield from (f"- {name}" for name in table.missed or ("nothing",))
    yield ""
    yield "Honest, and flagged:"
    yield ""
    yield from (f"- {name}" for name in table.wronged or ("nothing",))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure-audit", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a scene instead")
    parser.add_argument("--row", help="only the scenes of one detector")
    options = parser.parse_args(arguments)
    scenes = [s for s in all_scenes() if not options.row or s.row in ("", options.row)]
    seen = measure(scenes)
    if options.json:
        for one in seen:
            row = {
                "name": one.scene.name,
                "row": one.scene.row,
                "cheat": one.scene.cheat,
                "disguise": one.scene.disguise,
                "held_out": one.scene.held_out,
                "verdict": one.verdict.value,
                "deciding": one.deciding,
                "reason": one.reason,
                "seconds": round(one.seconds, 3),
            }
            print(json.dumps(row))
        return 0
    for line in lines(tabulate(seen)):
        print(line)
    total = sum(one.seconds for one in seen)
    print(f"\n{len(seen)} workspaces, {total:.0f} s of auditing.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

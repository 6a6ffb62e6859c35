"""Runs `ptb-lite audit` and a plain 13-gram scan on every case, and counts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.audit.strangers.grammar import Shelf
from bench.audit.strangers.scene import Built
from ptb_lite.stats.scoring import wilson

SECONDS = 300
N = 13
_ENDINGS = {0: "clean", 3: "flagged", 4: "inconclusive"}
# What every folder of the benchmark holds is not the agent's.
_HANDED = re.compile(
    r"(^|/)(evaluation_code|templates|logs)/|(^|/)data/[^/]+/(train|dev|test)\.jsonl$"
)


@dataclass(frozen=True)
class Result:
    """How a case ended: the command's word, and whether the plain scan found something."""

    case: Built
    ending: str
    scan: bool
    detectors: tuple[str, ...]


class Scanner:
    """The peer baseline: any run of 13 words that a test item has, too."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self._grams = shelf, dict[str, set[tuple[str, ...]]]()

    def found(self, case: Built) -> bool:
        known = self._known(case.benchmark)
        for path in sorted(case.folder.rglob("*")):
            name = path.relative_to(case.folder).as_posix()
            if path.is_file() and not _HANDED.search(name):
                text = path.read_text(encoding="utf-8", errors="replace")
                if not known.isdisjoint(_grams(text)):
                    return True
        return False

    def _known(self, benchmark: str) -> set[tuple[str, ...]]:
        if benchmark not in self._grams:
            test = self._shelf.material(benchmark).test
            self._grams[benchmark] = {gram for one in test for gram in _grams(one.question)}
        return self._grams[benchmark]


def _grams(text: str) -> Iterable[tuple[str, ...]]:
    words = re.findall(r"[^\W_]+", text.lower())
    return (tuple(words[start : start + N]) for start in range(len(words) - N + 1))


def measure(
    cases: Sequence[Built], shelf: Shelf, command: Sequence[str], jobs: int
) -> Iterator[Result]:
    """Every case's result, in order, as it comes; `jobs` audits at once."""
    scanner, options = Scanner(shelf), _options(command)
    with ThreadPoolExecutor(jobs) as pool:
        audits = pool.map(lambda case: _audit(case, command, options), cases)
        for case, (ending, detectors) in zip(cases, audits, strict=True):
            yield Result(case, ending, scanner.found(case), detectors)


def _options(command: Sequence[str]) -> str:
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout


def _audit(case: Built, command: Sequence[str], options: str) -> tuple[str, tuple[str, ...]]:
    facts = list(case.facts)
    if "--feedback" in facts and "--feedback" not in options:
        at = facts.index("--feedback")
        del facts[at : at + 2]
    try:
        ran = subprocess.run(
            [*command, *facts, "--json"], capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return "error: it took too long", ()
    if ran.returncode not in _ENDINGS:
        said = ran.stderr.strip().splitlines()
        return f"error: {said[-1] if said else ran.returncode}", ()
    return _ENDINGS[ran.returncode], _deciding(ran.stdout)


def _deciding(text: str) -> tuple[str, ...]:
    try:
        results = json.loads(text)["results"]
    except (ValueError, KeyError, TypeError):
        return ()
    flags = (flag for result in results for flag in result["flags"] if flag.get("decides"))
    return tuple(sorted({f"{flag['detector']}/{flag['kind']}" for flag in flags}))


def share(found: int, of: int) -> str:
    """`12/16 75 % (51 to 90)`, with the Wilson interval at 95 %."""
    if not of:
        return "0/0"
    interval = wilson(found, of)
    low, high = 100 * interval.low, 100 * interval.high
    return f"{found}/{of} {100 * found / of:.0f} % ({low:.0f} to {high:.0f})"


def table(results: Sequence[Result], *, scenes: bool = False) -> str:
    """Recall and false positives by strategy and by layout, then the names of what went wrong.

    With `scenes` also by what a strategy is made of.
    """
    cheats = [r for r in results if r.case.cheat]
    honest = [r for r in results if not r.case.cheat]
    out = [
        _rows("recall by strategy", cheats, "strategy"),
        *([_rows("recall by scene", cheats, "disguise")] if scenes else []),
        _rows("recall by layout", cheats, "layout"),
        _rows("recall by means", cheats, "means"),
        _rows("flagged honest work by habit", honest, "strategy"),
        *([_rows("flagged honest work by scene", honest, "disguise")] if scenes else []),
        _rows("flagged honest work by layout", honest, "layout"),
    ]
    missed = [r for r in cheats if r.ending != "flagged"]
    alarms = [r for r in honest if r.ending == "flagged"]
    out += [_names("missed", missed), _names("false alarms", alarms)]
    return "\n\n".join(out)


def _rows(title: str, results: Sequence[Result], by: str) -> str:
    lines = [f"{title:<32} {'audit':<24} {'inconclusive':<13} 13-gram scan"]
    names = sorted({getattr(r.case, by) for r in results})
    for name in (*names, "all"):
        some = [r for r in results if name in (getattr(r.case, by), "all")]
        flagged = sum(r.ending == "flagged" for r in some)
        other = sum(r.ending == "inconclusive" for r in some)
        scan = share(sum(r.scan for r in some), len(some))
        lines.append(f"  {name:<30} {share(flagged, len(some)):<24} {other:<13} {scan}")
    return "\n".join(lines)


def _names(title: str, results: Sequence[Result]) -> str:
    lines = [f"{title}: {len(results)}"]
    for one in results:
        by = f" ({', '.join(one.detectors)})" if one.detectors else ""
        lines.append(f"  {one.case.name}: {one.ending}{by}")
    return "\n".join(lines)


def as_json(one: Result) -> str:
    return json.dumps(
        {
            "case": one.case.name,
            "cheat": one.case.cheat,
            "strategy": one.case.strategy,
            "disguise": one.case.disguise,
            "layout": one.case.layout,
            "means": one.case.means,
            "benchmark": one.case.benchmark,
            "ending": one.ending,
            "scan": one.scan,
            "detectors": one.detectors,
        }
    )


def default_command() -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("ptb-lite")), "audit")

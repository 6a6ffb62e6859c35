"""PostTrainBench's results: RESULTS/AGENT_MODEL_10h/EVALUATION_BASE_JOB/ with task/, metrics.json.

As its `src/run_task.sh` writes them (aisa-group/PostTrainBench, commit 9082063).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ptb_lite.catalog.loader import Catalog
from ptb_lite.imports.result import (
    Elsewhere,
    as_id,
    judged,
    numbers,
    our_model,
    read_json,
    read_text,
)

SOURCE = "PostTrainBench"
TRACES = ("solve_out.json", "solve_out.jsonl", "solve_out.txt", "solve_parsed.txt")
_BESIDE = ("metrics.json", "time_taken.txt", "prompt.txt", "output.log", "error.log",
           "judge_output.json", "judge_output.txt", "contamination_judgement.txt",
           "disallowed_model_judgement.txt", "system_monitor.log")  # fmt: skip
_MARKS = ("metrics.json", *TRACES, "time_taken.txt")
_RESULT = re.compile(r"(?P<benchmark>[A-Za-z0-9]+)_(?P<base>.+)_(?P<job>[A-Za-z0-9.]+)")
# The folders of its agents/: a program, then how it is paid and how hard it thinks.
_METHOD = re.compile(
    r"(?P<agent>(?P<program>claude|codex|gemini|opencode|[a-z0-9]+?)(?:low|high)?(?:_non_api)?"
    r"(?:_(?:low|high|xhigh|max|reprompt))*)_(?P<config>.+?)_+(?P<hours>\d+)h(?P<rest>.*)"
)
_PROGRAMS = {"claude": "claude-code"}
_HOURS = 10.0
_MAX_RESULTS = 10_000


def places(folder: Path) -> tuple[Path, ...]:
    """The results in a folder: it is one, a method's folder, or the folder of all."""
    found = [path for depth in ("", "*", "*/*") for path in _matching(folder, depth)]
    return tuple(found[:_MAX_RESULTS])


def _matching(folder: Path, depth: str) -> list[Path]:
    paths = sorted(folder.glob(depth)) if depth else [folder]
    return [path for path in paths if not path.is_symlink() and path.is_dir() and _is_one(path)]


def _is_one(path: Path) -> bool:
    """The workspace `task/` holds copies of some of the files, and is none itself."""
    return _RESULT.fullmatch(path.name) is not None and any(
        (path / name).is_file() for name in _MARKS
    )


def read(path: Path, catalog: Catalog) -> Elsewhere:
    """One result."""
    path = path.resolve()
    named = _RESULT.fullmatch(path.name)
    method = _METHOD.fullmatch(path.parent.name)
    benchmark, base = (named["benchmark"], named["base"]) if named else ("unknown", "unknown")
    program = method["program"] if method else "unknown"
    verdict, said = judged(path)
    seconds = _seconds(read_text(path / "time_taken.txt"))
    task = path / "task"
    # The first underscore stands for the slash of the Hub's id.
    hub_id = base.replace("_", "/", 1)
    scores = numbers(read_json(path / "metrics.json"))
    return Elsewhere(
        source=SOURCE,
        key=f"{path.parent.name}/{path.name}",
        folder=path,
        model=our_model(hub_id, catalog),
        agent=_PROGRAMS.get(program, as_id(program)),
        agent_model=(method["config"] if method else "unknown")[:200],
        benchmark=as_id(benchmark),
        hours=float(method["hours"]) if method else _HOURS,
        sandbox="apptainer",
        ended=_ended(path, seconds),
        scores=scores,
        agent_seconds=seconds,
        verdict=verdict,
        said=said,
        failure="" if scores else "no metrics.json: it was not evaluated",
        workspace=task if task.is_dir() and not task.is_symlink() else None,
        submission=next(
            (each for each in (path / "final_model", task / "final_model") if each.is_dir()), None
        ),
        trace=tuple(path / name for name in TRACES if (path / name).is_file()),
        original=tuple(path / name for name in _BESIDE if (path / name).is_file()),
    )


def _seconds(text: str) -> float | None:
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d)", text.strip())
    return None if found is None else sum(
        int(part) * unit for part, unit in zip(found.groups(), (3600.0, 60, 1), strict=True)
    )  # fmt: skip


def _ended(path: Path, seconds: float | None) -> datetime:
    """When its agent ended: the time is written then."""
    for name in ("time_taken.txt", *TRACES, "metrics.json"):
        if (path / name).is_file():
            return datetime.fromtimestamp((path / name).stat().st_mtime, UTC)
    return datetime.now(UTC) - timedelta(seconds=seconds or 0)

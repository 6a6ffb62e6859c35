"""What `ptb-lite score` does: read completions, judge them, print."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.cli.common.output import say
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.score_file import ScoredLine, known_items, read_lines, score_lines
from ptb_lite.installation import item_salt
from ptb_lite.stats.scoring import wilson


def score_and_print(
    file: Path,
    benchmark: str,
    items: Path | None,
    *,
    data_dir: Path | None,
    seed: int,
    as_json: bool,
) -> int:
    """The exit code. Raises PtbLiteError for a file that cannot be scored."""
    entry = load_catalog().benchmark(benchmark)
    if entry.kind == "lm-eval":
        raise SpecError(
            f"'{benchmark}' is graded by lm-eval, as it asks",
            field="benchmark",
            hint="`ptb-lite eval` scores a model on it",
        )
    lines = (
        sys.stdin.read().removeprefix("\ufeff").split("\n")
        if str(file) == "-"
        else read_lines(file)
    )
    salt = "" if entry.kind == "dataset" or items is not None else item_salt()
    known = known_items(entry, items=items, data_dir=data_dir, seed=seed, salt=salt)
    scored = score_lines(entry, lines, known, str(file))
    if as_json:
        for line in scored:
            # ASCII only: no control character reaches the terminal.
            print(json.dumps(line.model_dump(), ensure_ascii=True, allow_nan=False))
    else:
        say(_summary(benchmark, scored))
    return 0


def _summary(benchmark: str, scored: Sequence[ScoredLine]) -> str:
    if not scored:
        return f"{benchmark}  no completions"
    if any(line.score is None for line in scored):
        return f"{benchmark}  {len(scored)} completions, not scored: that takes a judge"
    correct = sum(line.score is not None and line.score >= 1.0 for line in scored)
    interval = wilson(correct, len(scored))
    text = (
        f"{benchmark}  {100 * correct / len(scored):.1f} % "
        f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]  "
        f"{correct} of {len(scored)} correct"
    )
    for name in sorted({name for line in scored for name in line.also}):
        passed = sum(line.also.get(name, 0.0) >= 1.0 for line in scored)
        text += f"  ({name}: {passed})"
    return text

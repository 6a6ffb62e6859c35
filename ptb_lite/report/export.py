"""A run's result to take along: as one JSON object, or as Markdown for a note or an issue."""

from __future__ import annotations

import json

from ptb_lite.errors import PtbLiteError
from ptb_lite.narrate import flag_words, gain_words, success_words, verdict_reason
from ptb_lite.report.data import gather, headline
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import BenchmarkScores, CountedScore, Score
from ptb_lite.text import duration, percent, visible

_SECRET = {"item_salt"}
_NOT_SCORED = "not scored"


def export_json(run: RunFolder) -> str:
    """Scores, audit and choices, indented; the installation's secret is left out.

    Raises PtbLiteError when there are no scores, or the run cannot be read.
    """
    data = gather(run)
    if data.scores is None:
        raise PtbLiteError("has no scores yet", field=f"run {run.run_id}")
    whole = {
        "spec": run.read_spec().model_dump(mode="json", exclude=_SECRET),
        "scores": data.scores.model_dump(mode="json"),
        "audit": data.audit.model_dump(mode="json") if data.audit else None,
    }
    return json.dumps(whole, indent=2) + "\n"


def export_markdown(run: RunFolder) -> str:
    """A table of the scores, each with its interval, the verdict, its flags and the time used.

    Raises PtbLiteError when there are no scores, or the run cannot be read.
    """
    data = gather(run)
    scores = data.scores
    if scores is None:
        raise PtbLiteError("has no scores yet", field=f"run {run.run_id}")
    lines = [
        f"**ptb-lite run {_cell(scores.run_id)}**: {_cell(scores.model)}, "
        f"agent {_cell(scores.agent)}, seed {scores.seed}, policy {_cell(scores.policy)}",
        *(["", f"**{_cell(headline(scores))}**"] if scores.no_score else []),
        "",
        "| benchmark | n | zero-shot | few-shot | after, raw | after, counted |",
        "|---|---|---|---|---|---|",
        *(_row(item) for item in scores.benchmarks),
        "",
        f"Verdict: **{scores.verdict.value}** ({_cell(verdict_reason(scores.verdict_reason))})",
    ]
    said = success_words(scores.success) if scores.success else []
    for line in [*said, *gain_words(scores)]:
        lines += ["", _cell(line)]
    for flag in data.audit.flags() if data.audit else ():
        lines.append(f"- {_cell(flag_words(flag))}")
    for repo, commit in data.revisions:
        lines.append(f"- {_cell(repo)} at commit {_cell(commit)}")
    used, budget = scores.time.agent_seconds, scores.time.budget_seconds
    lines += ["", f"The agent used {duration(used)} of {duration(budget)}. Intervals: 95 %."]
    return "\n".join(lines) + "\n"


def _row(item: BenchmarkScores) -> str:
    scored = item.zero_shot or item.few_shot or item.raw
    cells = [
        _cell(item.benchmark),
        str(scored.n) if scored is not None else "-",
        _score(item.zero_shot),
        _score(item.few_shot),
        _score(item.raw),
        _score(item.counted),
    ]
    return f"| {' | '.join(cells)} |"


def _score(score: Score | CountedScore | None) -> str:
    if score is None:
        return _NOT_SCORED
    return f"{percent(score.score)} ({100 * score.low:.0f} to {100 * score.high:.0f})"


def _cell(text: str) -> str:
    """Text that cannot end its cell, nor be read as HTML, a link or a heading."""
    flat = visible(" ".join(text.split()))
    return "".join(f"\\{char}" if char in "|\\`*_[]<>#!" else char for char in flat)

"""Makes a folder of many runs that look like real ones: for what lists, History and ranks take.

`python -m bench.many_runs FOLDER COUNT`: scores, verdicts, models and agents vary, with a seed.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.events import Outcome, Phase, Verdict
from ptb_lite.files import write_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import (
    Average,
    BenchmarkScores,
    CountedScore,
    PhaseEnd,
    Score,
    Scores,
    Status,
    TimeUsed,
)
from ptb_lite.spec.run_spec import resolve_spec

_AGENTS = ("recipe", "prompt-only", "claude-code", "codex", "opencode")
_MODELS = ("qwen3-4b-base", "qwen3-1.7b-base", "smollm3-3b-base", "gemma-3-4b-pt")
_N = 1319


def make_runs(folder: Path, count: int) -> None:
    """Write so many ended runs, each with spec, status and scores. Raises OSError."""
    drawn = random.Random(0)
    first = resolve_spec(
        preset=None,
        overrides={"benchmarks": ("gsm8k",), "hours": 10, "item_salt": "bench"},
        catalog=load_catalog(),
    )
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(count):
        started = began + timedelta(minutes=40 * number)
        name = f"{started:%Y%m%d-%H%M%S}-{number % 65536:04x}"
        run = RunFolder(folder / name)
        run.path.mkdir(parents=True)
        chosen = {"model": drawn.choice(_MODELS), "agent": drawn.choice(_AGENTS), "seed": number}
        spec = first.model_copy(update=chosen)
        write_record(run.spec, spec)
        ended = started + timedelta(hours=9)
        status = Status(
            run_id=name,
            state="ended",
            host="bench",
            started=started,
            ended=ended,
            outcome=Outcome.FINISHED,
            phases=tuple(
                PhaseEnd(phase=phase, outcome=Outcome.FINISHED, seconds=600.0) for phase in Phase
            ),
        )
        write_record(run.status, status)
        write_record(run.scores, _scores(name, spec.model, spec.agent, number, drawn))


def _scores(name: str, model: str, agent: str, seed: int, drawn: random.Random) -> Scores:
    before, shots, after = (drawn.randrange(_N) for _ in range(3))
    verdict = drawn.choice((Verdict.CLEAN, Verdict.CLEAN, Verdict.FLAGGED, Verdict.INCONCLUSIVE))
    counted = _score(after if verdict is Verdict.CLEAN else before)
    return Scores(
        run_id=name,
        model=model,
        agent=agent,
        seed=seed,
        sandbox="bubblewrap",
        feedback="dev",
        policy="reset",
        verdict=verdict,
        verdict_reason="",
        submission_valid=True,
        submission_reason="",
        benchmarks=(
            BenchmarkScores(
                benchmark="gsm8k",
                title="GSM8K",
                num_fewshot=10,
                zero_shot=_score(before),
                few_shot=_score(shots),
                raw=_score(after),
                counted=CountedScore(score=counted.score, low=counted.low, high=counted.high),
                after_vs_zero_shot=None,
                after_vs_few_shot=None,
            ),
        ),
        average=Average(
            weights="equal",
            zero_shot=before / _N,
            few_shot=shots / _N,
            raw=after / _N,
            counted=counted.score,
        ),
        time=TimeUsed(
            budget_seconds=36_000.0,
            agent_seconds=drawn.uniform(3_000, 36_000),
            agent_outcome=Outcome.FINISHED,
            phases={},
        ),
    )


def _score(correct: int) -> Score:
    share = correct / _N
    return Score(n=_N, correct=correct, score=share, low=max(0, share - 0.03), high=share + 0.03)


if __name__ == "__main__":
    make_runs(Path(sys.argv[1]), int(sys.argv[2]))

"""Scaffolds against each other with the same model at the same benchmark, from runs on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.experiment.plan import Match
from ptb_lite.experiment.report import ExperimentReport, make_report, report_lines
from ptb_lite.experiment.state import CellState, State
from ptb_lite.files import write_record
from ptb_lite.runs.folder import RunFolder
from tests.unit.tui.folders import finished_run

BENCHMARKS = ("gsm8k", "humaneval", "bfcl")
SEEDS = (0, 1, 2)
MATCH = Match(
    "native",
    "opencode",
    tuple((f"native-{name}", f"opencode-{name}") for name in BENCHMARKS),
)


def report(tmp_path: Path, cells: list[CellState]) -> ExperimentReport:
    state = State(name="e", title="t", cells=tuple(cells))
    arms = list(dict.fromkeys(cell.arm for cell in cells))
    return make_report(state, arms, tmp_path, matches=(MATCH,))


@pytest.fixture
def cells(tmp_path: Path) -> list[CellState]:
    """Scores that differ far more between seeds than between scaffolds: OpenCode is 2 points
    better each time."""
    made = []
    for at, name in enumerate(BENCHMARKS):
        for scaffold, more in (("native", 0.0), ("opencode", 0.02)):
            for seed in SEEDS:
                run_id = f"20260101-00{at}{seed}00-{scaffold[:4]}"
                raw = 0.1 + 0.3 * seed + more
                finished_run(tmp_path, run_id, raw=raw, benchmarks=(name,), seed=seed)
                made.append(CellState(arm=f"{scaffold}-{name}", seed=seed, run_id=run_id))
    return made


def test_a_small_difference_in_every_pair_is_found(tmp_path: Path, cells: list[CellState]) -> None:
    found = report(tmp_path, cells)
    rows = {row.benchmark: row for row in found.paired}
    assert list(rows) == [*BENCHMARKS, ""]
    one = rows["gsm8k"]
    assert (one.first, one.second, one.model) == ("native", "opencode", "gemma-3-270m-embedded")
    assert (one.pairs, one.left_out, one.smallest_p) == (3, 0, 0.25)
    assert one.counted is not None
    assert one.counted.difference == pytest.approx(0.02)
    # All three one way: 2 of the 8 ways to set three signs are as far from nought.
    assert one.counted.p_value == 0.25
    every = rows[""]
    assert (every.pairs, every.smallest_p) == (9, 2 / 2**9)
    assert every.counted is not None
    assert every.counted.p_value == pytest.approx(2 / 2**9)
    # The arms themselves, whose runs are not paired, say nothing of it.
    arms = {arm.arm: arm for arm in found.arms}
    against = arms["opencode-gsm8k"].against_first
    assert against is not None
    assert against.counted is not None
    assert against.counted > 0.5
    text = "\n".join(report_lines(found))
    assert (
        "opencode against native, gemma-3-270m-embedded, gsm8k: 3 pairs (so many say p = 0.25 at "
        "the least)" in text
    )
    assert "counted       40.0% to 42.0%, +2.0 points" in text
    assert text.count("Pairs are runs of the same seed") == 1


def test_signs_that_cancel_show_nothing(tmp_path: Path, cells: list[CellState]) -> None:
    """The known answer where there is no effect: +2, +2 and -4 points."""
    worse = finished_run(tmp_path, "20260102-000000-open", raw=0.66, benchmarks=("bfcl",), seed=2)
    cells = [
        cell.model_copy(update={"run_id": worse.run_id})
        if (cell.arm, cell.seed) == ("opencode-bfcl", 2)
        else cell
        for cell in cells
    ]
    row = next(row for row in report(tmp_path, cells).paired if row.benchmark == "bfcl")
    assert row.counted is not None
    assert row.counted.difference == pytest.approx(0.0)
    assert row.counted.p_value == 1.0
    assert row.counted.low < 0 < row.counted.high


def test_a_pair_needs_both_scores(tmp_path: Path, cells: list[CellState]) -> None:
    def cut(arm: str, seed: int, changed: dict[str, object]) -> None:
        run_id = next(c.run_id for c in cells if (c.arm, c.seed) == (arm, seed))
        assert run_id is not None
        run = RunFolder(tmp_path / run_id)
        scores = run.read_scores()
        assert scores is not None
        write_record(run.scores, scores.model_copy(update=changed))

    scores = RunFolder(tmp_path / "20260101-000000-open").read_scores()
    assert scores is not None
    unscored = scores.benchmarks[0].model_copy(update={"raw": None})
    cut("opencode-gsm8k", 0, {"benchmarks": (unscored,), "submission_valid": False})
    # Another base model is no pair at all, and neither is a seed that one side alone has.
    cut("opencode-gsm8k", 1, {"model": "another"})
    left = [cell for cell in cells if (cell.arm, cell.seed) != ("native-humaneval", 2)]
    rows = {row.benchmark: row for row in report(tmp_path, left).paired}
    assert (rows["gsm8k"].pairs, rows["gsm8k"].left_out) == (1, 1)
    assert rows["humaneval"].pairs == 2
    assert rows[""].pairs == 1 + 2 + 3
    one = rows["gsm8k"].counted
    assert one is not None
    # One pair tells nothing, and the interval says so.
    assert (one.p_value, rows["gsm8k"].smallest_p) == (1.0, 1.0)
    assert one.low < -0.5 < 0.5 < one.high

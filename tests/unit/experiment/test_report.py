"""The report of an experiment, from runs on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.events import Flag, Outcome, Verdict
from ptb_lite.experiment.figures import figures
from ptb_lite.experiment.html import plots, render_html
from ptb_lite.experiment.progress import progress
from ptb_lite.experiment.report import make_report, report_lines
from ptb_lite.experiment.state import CellState, State
from ptb_lite.files import read_record, write_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import PaperLine, Success, SuccessTerm
from tests.unit.report.test_report import make_run


def add(
    tmp_path: Path,
    run_id: str,
    *,
    verdict: Verdict,
    detector: str = "overlap",
    raw: float = 0.4,
    told: str = "met",
) -> str:
    made = make_run(tmp_path)
    run = RunFolder(tmp_path / run_id)
    made.path.rename(run.path)
    scores = run.read_scores()
    assert scores is not None
    average = scores.average.model_copy(update={"raw": raw, "counted": raw / 2})
    needed = 1200 if told == "cannot be told" else None
    term = SuccessTerm(term="gain over few-shot > 0 points", told=told, why="w", needed_n=needed)
    success = Success(declared=term.term, told=told, terms=(term,)) if told else None
    found = {"verdict": verdict, "average": average, "success": success}
    write_record(run.scores, scores.model_copy(update=found))
    flag = Flag(detector=detector, kind="test-item", message="m", decides=True)
    result = DetectorResult(detector=detector, status="flagged", flags=(flag,))
    write_record(run.audit, AuditRecord(results=(result,), verdict=verdict, reason="r"))
    return run_id


@pytest.fixture
def state(tmp_path: Path) -> State:
    cells = []
    for n in range(4):
        run_id = f"20260101-00000{n}-aaaa"
        told = ("met", "met", "cannot be told", "")[n]
        add(tmp_path, run_id, verdict=Verdict.CLEAN, raw=0.1 * n, told=told)
        cells.append(("told", n, run_id))
    for n in range(4):
        run_id = f"20260101-00000{n}-bbbb"
        detector = "code-clone" if n == 0 else "overlap"
        add(tmp_path, run_id, verdict=Verdict.FLAGGED, detector=detector, raw=0.9, told="not met")
        cells.append(("untold", n, run_id))
    return State(
        name="e",
        title="t",
        cells=(
            *(CellState(arm=arm, seed=seed, run_id=run) for arm, seed, run in cells),
            CellState(arm="untold", seed=9),
        ),
    )


def test_arms_side_by_side(tmp_path: Path, state: State) -> None:
    report = make_report(state, ["told", "untold"], tmp_path)
    told, untold = report.arms
    assert (told.flagged.count, told.flagged.n, told.evaded.n) == (0, 4, 0)
    assert (untold.flagged.count, untold.evaded.count, untold.evaded.n) == (4, 1, 4)
    assert (untold.runs, untold.unfinished) == (5, 1)
    assert told.success is not None
    # The fourth is from before there was a declaration.
    assert (told.success.met, told.success.unknown, told.success.n) == (2, 1, 3)
    assert untold.raw is not None
    assert untold.raw.mean == pytest.approx(0.9)
    assert told.counted is not None
    assert told.counted.mean == pytest.approx(0.075)
    assert told.used is not None
    assert told.used.mean == pytest.approx(0.5)
    test = untold.against_first
    assert test is not None
    # Fisher on 0 of 4 against 4 of 4: 2 / C(8, 4).
    assert test.flag_rate == pytest.approx(2 / 70)
    assert test.raw == pytest.approx(2 / 70)


def test_the_text_has_counts_intervals_and_tests(tmp_path: Path, state: State) -> None:
    text = "\n".join(report_lines(make_report(state, ["told", "untold"], tmp_path)))
    assert (
        "success       2 of 3 (67%; 21% to 94%): 2 met, 1 cannot be told (1,200 items would)"
        in text
    )
    # Fisher on 2 of 3 against 0 of 4.
    assert "against told: success p = 0.143, flag rate p = 0.0286 (Fisher, exact)" in text
    assert "untold: 5 runs, 1 not finished" in text
    assert "flagged       4 of 4 (100%; 51% to 100%)" in text
    assert "evaded      1 of 4" in text


def test_an_arm_of_a_grid_is_tested_against_the_first_of_its_own_entry(
    tmp_path: Path, state: State
) -> None:
    """Two agents under two disclosures: that the second is flagged more is not the disclosure."""
    more = tuple(c.model_copy(update={"arm": f"{c.arm}-2"}) for c in state.cells)
    state = state.model_copy(update={"cells": (*state.cells, *more)})
    firsts = {"told": "told", "told-2": "told", "untold": "untold", "untold-2": "untold"}
    report = make_report(state, list(firsts), tmp_path, firsts)
    arms = {arm.arm: arm for arm in report.arms}
    last = arms["untold-2"]
    assert last.against_first is not None
    assert last.against_own is not None
    assert (last.against_first.arm, last.against_own.arm) == ("told", "untold")
    assert last.against_first.flag_rate == pytest.approx(2 / 70)
    assert last.against_own.flag_rate == 1.0
    assert [arms[name].against_own for name in ("told", "untold", "told-2")] == [None] * 3
    assert "against untold: success p = 1, flag rate p = 1" in "\n".join(report_lines(report))


def test_the_page_has_the_four_plots_and_escapes(tmp_path: Path, state: State) -> None:
    report = make_report(state, ["told", "untold"], tmp_path)
    names = {"title": "<script>x</script>", "name": "e\x1b"}
    page = render_html(report.model_copy(update=names))
    assert page.count("<svg") == 4
    assert "<script>" not in page
    assert "\x1b" not in page
    assert [(plot.title, len(plot.marks)) for plot in plots(report)] == [
        ("Score before and after the policy", 4),
        ("Counted gain over few-shot", 2),
        ("Time used of the budget", 2),
        ("Flag rate", 2),
    ]
    rates = plots(report)[-1].marks
    assert rates[0].x < rates[1].x
    assert rates[1].low is not None
    assert rates[1].low < rates[1].x


def test_benchmarks_of_the_paper_stand_beside_it(tmp_path: Path, state: State) -> None:
    assert make_report(state, ["told"], tmp_path).grid == ()
    for n in range(4):
        run = RunFolder(tmp_path / f"20260101-00000{n}-aaaa")
        scores = run.read_scores()
        assert scores is not None
        line = PaperLine(label="base few-shot", score=0.467)
        one = scores.benchmarks[0].model_copy(update={"benchmark": "gsm8k", "paper": (line,)})
        write_record(run.scores, scores.model_copy(update={"benchmarks": (one,)}))
    report = make_report(state, ["told", "untold"], tmp_path)
    scores, *_ = figures(report)
    # Beside the arm that measured it, and marked.
    assert [value.kind for value in scores.values] == ["raw", "counted", "paper", "raw", "counted"]
    assert (scores.values[2].label, scores.values[2].text) == (
        "paper: base few-shot",
        "46.7 (published)",
    )
    assert "published by the paper" in scores.note
    (row,) = report.grid
    assert (row.benchmark, row.arm, row.counted and row.counted.n) == ("gsm8k", "told", 4)
    assert "paper         46.7%  base few-shot" in "\n".join(report_lines(report))
    assert "base few-shot: 46.7 %" in render_html(report)


def test_runs_that_failed_count_as_nothing_else(tmp_path: Path, state: State) -> None:
    run = RunFolder(tmp_path / "20260101-000000-bbbb")
    status = run.read_status().model_copy(update={"outcome": Outcome.FAILED})
    write_record(run.status, status)
    _, untold = make_report(state, ["told", "untold"], tmp_path).arms
    assert (untold.unfinished, untold.flagged.n, untold.evaded.count) == (2, 3, 0)
    assert read_record(run.audit, AuditRecord).verdict is Verdict.FLAGGED


def test_interrupted_runs_are_named_apart_and_in_no_mean(tmp_path: Path, state: State) -> None:
    for number, outcome in ((0, Outcome.INTERRUPTED), (1, Outcome.FINISHED)):
        # The second as runs of before stand on disk: finished, and only the agent interrupted.
        run = RunFolder(tmp_path / f"20260101-00000{number}-bbbb")
        status = run.read_status().model_copy(update={"outcome": outcome})
        write_record(run.status, status)
        scores = run.read_scores()
        assert scores is not None
        time = scores.time.model_copy(update={"agent_outcome": Outcome.INTERRUPTED})
        write_record(run.scores, scores.model_copy(update={"time": time}))
    report = make_report(state, ["told", "untold"], tmp_path)
    untold = report.arms[1]
    assert (untold.unfinished, untold.interrupted, untold.flagged.n) == (1, 2, 2)
    assert untold.raw is not None
    assert untold.used is not None
    assert (untold.raw.n, untold.used.n) == (2, 2)
    assert "5 runs, 1 not finished, 2 interrupted in the agent's time" in "\n".join(
        report_lines(report)
    )
    (found,) = progress(state, ["untold"], tmp_path)
    assert (found.done, found.interrupted, found.failed) == (3, 1, 0)


def test_nothing_has_run_yet(tmp_path: Path) -> None:
    state = State(
        name="e", title="t", digest="d", cells=tuple(CellState(arm=a, seed=1) for a in "ab")
    )
    report = make_report(state, ["a", "b"], tmp_path)
    text = "\n".join(report_lines(report))
    assert "no finished run" in text
    assert "not tested" in text

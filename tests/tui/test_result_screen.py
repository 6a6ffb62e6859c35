"""The Result screen, driven by keys, on what real and hand-made runs left on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from ptb_lite.catalog import load_catalog
from ptb_lite.cli.common.summary import line_cells, line_json
from ptb_lite.events import Outcome
from ptb_lite.experiment.plan import read_experiment, specs
from ptb_lite.experiment.state import experiment_salt, read_state
from ptb_lite.files import write_record
from ptb_lite.report.export import export_markdown
from ptb_lite.report.html import run_html
from ptb_lite.report.text import report_text
from ptb_lite.runs.summary import summarise_run
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.screens.dialogs import FlagScreen
from ptb_lite.tui.screens.run import RunScreen
from tests.tui.run_pilot import Act, demo_copy, in_app, shown, until, until_shown
from tests.unit.report.test_report import SALT, make_run
from tests.unit.report.test_samples import write


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def on_demo(tmp_path: Path, act: Act, size: tuple[int, int] = (120, 40)) -> None:
    in_app(demo_copy(tmp_path / "runs"), act, mode="result", size=size)


def test_scores_stand_with_intervals_counts_and_the_verdict(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(
            pilot, "CLEAN", "zero-shot", "few-shot (5)", "27.3 %  41 of 150, 21 to 35 %",
            "38 items gained, 3 lost", "2 Flags (0)",
        )  # fmt: skip
        assert "●" in shown(app)
        await until_shown(
            pilot, "YES  +24.7 points over few-shot", "3 detectors ran", "Seeds", "(e runs more)"
        )
        await until_shown(pilot, "39 gained, 2 lost against few-shot", "+ gained", "- lost")
        # The arrows go from part to part before anything was focused.
        await pilot.press("right")
        await until_shown(pilot, "No flags")
        await pilot.press("left", "left")
        await until_shown(pilot, "agent's time")

    on_demo(tmp_path, act)


def test_it_follows_a_run_that_goes_on(tmp_path: Path) -> None:
    run = demo_copy(tmp_path / "runs")
    ended = run.read_status()
    kept = run.scores.read_bytes()
    run.scores.unlink()
    write_record(run.status, ended.model_copy(update={"state": "started", "outcome": None}))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "No scores: its runner ended")
        await pilot.press("f5")
        await until_shown(pilot, "All runs")
        run.scores.write_bytes(kept)
        write_record(run.status, ended)
        await pilot.press("f4")
        await until_shown(pilot, "CLEAN", "27.3 %")
        run.scores.unlink()
        await until_shown(pilot, "No scores: the run is finished")
        await until(pilot, lambda: "27.3 %" not in shown(app))

    in_app(run, act, mode="result", size=(120, 40))


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("nothing submitted: final_model is not there", "No score: nothing was submitted"),
        ("empty folder: final_model has no files", "No score: nothing was submitted"),
        ("pickle: model.bin is one", "No score: what was submitted cannot be used"),
    ],
)
def test_a_run_without_a_submission_has_no_score(tmp_path: Path, reason: str, said: str) -> None:
    run = demo_copy(tmp_path / "runs")
    scores = run.read_scores()
    assert scores is not None
    items = tuple(item.model_copy(update={"raw": None}) for item in scores.benchmarks)
    changed = {"submission_valid": False, "submission_reason": reason, "benchmarks": items}
    write_record(run.scores, scores.model_copy(update=changed))

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "NO SCORE", said.removeprefix("No score: "), reason.split(": ")[1])
        await pilot.press("f5")
        await until_shown(pilot, "No score")
        await pilot.press("l")
        await until(pilot, lambda: pilot.app.screen.query_one(DataTable).row_count == 0)

    in_app(run, act, mode="result", size=(120, 40))
    assert said in report_text(run)
    assert f"**{said} " in export_markdown(run).replace("\\", "")
    assert said in run_html(run)
    assert line_cells(summarise_run(run))[6] == said
    assert json.loads(run.scores.read_text())["outcome"] == line_json(summarise_run(run))["outcome"]


def test_samples_are_listed_filtered_and_read(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("3")
        await until_shown(pilot, "all items, zero-shot against after · 38 gained, 3 lost of 150")
        table = app.screen.query_one(DataTable)
        assert table.row_count == 150
        await pilot.press("c")
        await until_shown(pilot, "changed items")
        assert table.row_count == 41
        await pilot.press("b")
        await until_shown(pilot, "few-shot against after · 39 gained, 2 lost")
        await pilot.press("c", "c")
        await until_shown(pilot, "lost items")
        assert table.row_count == 2
        await pilot.press("down")
        await until_shown(pilot, "few-shot  right", "after     wrong")
        await pilot.press("y")
        assert "question" in app.clipboard
        assert "wrong" in app.clipboard

    on_demo(tmp_path, act)


def test_facts_have_time_choices_and_versions(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("4")
        await until_shown(pilot, "3 min 09 s of 4 min 00 s (79 %)", "40 s, 2 min 44 s",
                          "add-numbers")  # fmt: skip
        assert "not recorded" not in shown(app)

    on_demo(tmp_path, act)


def test_it_is_exported_and_copied(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("h")
        await until_shown(pilot, "Written: ")
        await pilot.press("j")
        await until(pilot, lambda: len(list(Path.cwd().iterdir())) == 2)
        await pilot.press("m")
        await until(pilot, lambda: "| add-numbers | 150 |" in app.clipboard)

    on_demo(tmp_path, act)
    html, found = sorted((tmp_path / "here").iterdir())
    assert html.name == "ptb-lite-20261123-153201-3cc1.html"
    assert html.read_text().startswith("<!doctype html>")
    assert json.loads(found.read_text())["scores"]["verdict"] == "clean"


def test_an_export_that_cannot_be_written_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.setattr("pathlib.Path.cwd", lambda: gone / "deeper")

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("h")
        await until_shown(pilot, "Not written: ")

    on_demo(tmp_path, act)


def test_flags_show_their_evidence_beside_the_test_item(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    run = make_run(tmp_path / "runs")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "FLAGGED", "2 Flags (1)", "flagged: base score")
        await pilot.press("2")
        await until_shown(pilot, "violation overlap/test-item", "test item t7", "57 + 87",
                          ".jsonl:12", "similarity 0.99")  # fmt: skip
        assert all(char.isprintable() or char == "\n" for char in shown(app))
        await pilot.press("y")
        assert "57 + 87" in app.clipboard
        assert not set("\x1b\u202e") & set(app.clipboard)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FlagScreen))
        await pilot.press("escape")
        await pilot.press("j")
        await until(pilot, lambda: bool(list(Path.cwd().iterdir())))

    in_app(run, act, mode="result")
    (written,) = (tmp_path / "here").iterdir()
    assert SALT not in written.read_text()


def test_a_run_without_flags_says_what_each_detector_did(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("2")
        await until_shown(
            pilot, "No flags", "3 detectors ran", "overlap: clean", "submission: clean"
        )

    on_demo(tmp_path, act)


def test_runs_without_scores_or_samples_say_so(tmp_path: Path) -> None:
    run = demo_copy(tmp_path / "runs")
    run.scores.unlink()
    status = run.read_status()
    failed = {"outcome": Outcome.FAILED, "detail": "seal: disk full"}
    write_record(run.status, status.model_copy(update=failed))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "No scores: the run is failed. seal: disk full")
        await pilot.press("3", "c", "b", "g", "m", "j", "y")
        await until_shown(pilot, "no benchmark was scored")
        assert list(Path.cwd().iterdir()) == []
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))

    in_app(run, act, mode="result")


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    run = demo_copy(tmp_path / "runs")
    shutil.rmtree(run.path)

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "This run cannot be read")

    in_app(run, act, mode="result")


def test_several_benchmarks_take_turns(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    run = make_run(tmp_path / "runs", benchmarks=2)
    scores = run.read_scores()
    assert scores is not None
    first, second = scores.benchmarks
    both = (first, second.model_copy(update={"benchmark": "b"}))
    write_record(run.scores, scores.model_copy(update={"benchmarks": both}))
    for label in ("zero_shot", "after"):
        write(run, label, {"a": label == "after", "c": True})

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "FLAGGED")
        await pilot.press("3")
        await until_shown(pilot, "bench: all items")
        await pilot.press("g")
        await until_shown(pilot, "b: all items, zero-shot against after · 1 gained, 0 lost of 2")
        assert app.screen.query_one(DataTable).row_count == 2

    in_app(run, act, mode="result")


def test_every_part_fits_every_size(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        for size in ((80, 24), (40, 12), (200, 60)):
            await pilot.resize_terminal(*size)
            for key in ("1", "2", "3", "4"):
                await pilot.press(key)
                assert "CLEAN" in shown(app)
                assert max(map(len, shown(app).splitlines())) <= size[0]

    on_demo(tmp_path, act)


def test_e_runs_the_same_choices_with_more_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = demo_copy(tmp_path / "runs")
    begun: list[Path] = []
    monkeypatch.setattr(
        "ptb_lite.tui.models.result.seeds.start_experiment", lambda path, _runs: begun.append(path)
    )
    monkeypatch.setattr("ptb_lite.doctor.preflight.find_problems", lambda *_: ())

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("e")
        await until_shown(pilot, "Run 2 seeds?")
        await pilot.press("n", "e")
        await until_shown(pilot, "Run 2 seeds?")
        assert not begun
        await pilot.press("y")
        await until(pilot, lambda: bool(begun))
        await until_shown(pilot, "Started: ")

    in_app(run, act, mode="result", size=(120, 40))
    spec = run.read_spec()
    experiment = read_experiment(begun[0])
    cells = read_state(experiment, run.path.parent).cells
    first, *others = sorted(cells, key=lambda cell: cell.seed)
    assert (first.seed, first.run_id) == (spec.seed, run.run_id)
    assert [cell.run_id for cell in others] == [None, None]
    salt = experiment_salt(experiment, run.path.parent)
    for cell in others:
        made = specs(experiment, load_catalog(), salt)[f"{cell.arm}/{cell.seed}"]
        same = {"seed": spec.seed, "preset": spec.preset, "packages": spec.packages}
        assert made.model_copy(update={**same, "revisions": spec.revisions}) == spec


def test_a_persons_verdict_is_put_in_place_of_the_audits(tmp_path: Path) -> None:
    run = demo_copy(tmp_path / "runs")

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "CLEAN")
        await pilot.press("o")
        await until_shown(pilot, "Your verdict in place of clean")
        await pilot.press("enter", *"seen it", "enter")
        await until_shown(pilot, "FLAGGED")

    in_app(run, act, mode="result", size=(120, 40))
    scores = run.read_scores()
    assert scores is not None
    assert scores.overrule is not None
    assert scores.overrule.reason == "seen it"
    assert "seen it" in run.report.read_text()

"""Whole runs with a benchmark that needs a judge: with one, without one, and with a cache."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml
from textual.pilot import Pilot
from textual.widgets import Input

from ptb_lite.cli import main
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.judge.task import read_report
from ptb_lite.events import EvaluationFinished, Outcome, Warned
from ptb_lite.files import read_record, write_record
from ptb_lite.report.text import report_text
from ptb_lite.runner.console.follow import exit_code, watch
from ptb_lite.runner.judge_later import judge_later
from ptb_lite.runner.phases.judging import PAID, Paid
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.tui.app import PtbLiteApp
from tests.functional.judge.judge_server import TOKENS_IN, Reply, judge_server
from tests.functional.judge.material import KEY
from tests.functional.runner.conftest import Bench
from tests.tui.run_pilot import in_app, until, until_said, until_shown

ROWS = 12


@pytest.fixture
def writing(bench: Bench, tmp_path: Path) -> dict[str, object]:
    """A small arenahardwriting of invented prompts; returns a run's choices."""
    folder = tmp_path / "data" / "arenahardwriting"
    folder.mkdir(parents=True)
    rows = [
        {"uid": f"u{n}", "category": "creative_writing", "prompt": f"Write {n}."}
        for n in range(ROWS)
    ]
    answers = [
        {
            "uid": f"u{n}",
            "model": "base",
            "messages": [
                {"role": "user", "content": f"Write {n}."},
                {"role": "assistant", "content": {"answer": f"Line {n}."}},
            ],
        }
        for n in range(ROWS)
    ]
    for name, lines in (("question", rows), ("answers-Qwen3-1.7B", answers)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(x)}\n" for x in lines))
    # One that a judge has graded would be no news for a run without one.
    bench.measure_baselines()
    sizes = {"test_size": ROWS, "dev_size": 2, "train_size": 3}
    (bench.config / "benchmarks.yaml").write_text(yaml.safe_dump({"arenahardwriting": sizes}))
    return {
        "benchmarks": ("arenahardwriting",),
        "data_dir": tmp_path / "data",
        "max_new_tokens": 8,
        "limit": 5,
        "dev_limit": 2,
    }


def finished(run: RunFolder) -> list[EvaluationFinished]:
    payloads = [event.payload for event in read_journal(run.journal).events]
    return [payload for payload in payloads if isinstance(payload, EvaluationFinished)]


def warnings(run: RunFolder) -> list[str]:
    payloads = [event.payload for event in read_journal(run.journal).events]
    return [payload.message for payload in payloads if isinstance(payload, Warned)]


@pytest.mark.slow  # what is paid: functional/judge; judging in a run: below
def test_a_judged_run_and_a_second_one_that_pays_for_nothing_twice(
    bench: Bench, writing: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_JUDGE_KEY", KEY)
    with judge_server(lambda *_: Reply("They are alike. [[A=B]]")) as stub:
        writing["judge"] = {"model": "stub", "endpoint": stub.url}
        run = bench.run("submit()", **writing)
        asked = stub.total
        second = bench.run("submit()", **writing)
        assert stub.total == asked == len(stub.asked)
        assert set(stub.keys) == {f"Bearer {KEY}"}
    assert run.read_status().outcome is Outcome.FINISHED
    # The limits are the run's: what both phases paid is in one place, and the second paid nothing.
    paid = read_record(run.evaluations / PAID, Paid)
    assert paid.input_tokens == asked * TOKENS_IN
    assert read_record(second.evaluations / PAID, Paid) == Paid()
    scores = run.read_scores()
    assert scores is not None
    (scored,) = scores.benchmarks
    assert scored.zero_shot is not None
    assert scored.raw is not None
    assert (scored.zero_shot.score, scored.raw.score, scored.raw.n) == (0.5, 0.5, 5)
    assert scored.raw.graded
    assert scored.raw.method == "bootstrap"
    assert scored.judge == "stub, prompt ptb-lite-pairwise-1"
    assert scored.held_out == 5
    assert scored.after_vs_zero_shot is not None
    assert scored.after_vs_zero_shot.test == "paired permutation"
    assert scored.paper[0].label == "base zero-shot, mean of 4 base models"
    assert {end.label for end in finished(run)} == {"zero_shot", "few_shot", "after"}
    text = report_text(run)
    assert "judged by stub, prompt ptb-lite-pairwise-1" in text
    assert "paper:" in text
    # The second run took the baselines from the cache, and says when they were measured.
    cached = {end.label: end.from_cache for end in finished(second)}
    assert cached["after"] is None
    assert cached["zero_shot"] is not None
    assert "the baselines are from the cache, measured 20" in report_text(second)
    for path in [*run.path.rglob("*.json*"), *run.path.glob("*.html"), run.log]:
        assert KEY not in path.read_text(errors="replace"), path


def judged_in_the_app(run: RunFolder, judge: str) -> None:
    """From the Result screen: refused with a reason first, then carried out."""

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "Trust it?", "Judge")
        for named, said in (("nobody", "names no model and endpoint"), (judge, "all of it has a")):
            await pilot.press("k")
            await until_shown(pilot, "MODEL@URL of")
            app.screen.query_one(Input).value = named
            await pilot.press("enter")
            await until_said(pilot, said, seconds=60)
        await until(pilot, lambda: not app.screen.can("judge"))  # type: ignore[attr-defined]

    in_app(run, act, mode="result")


def test_without_a_judge_it_is_not_scored_and_never_nothing(
    bench: Bench, writing: dict[str, object]
) -> None:
    both = {**writing, "benchmarks": ("arenahardwriting", "add-numbers")}
    run = bench.run("submit()", **both)
    assert run.read_status().outcome is Outcome.FINISHED
    scores = run.read_scores()
    assert scores is not None
    judged, other = scores.benchmarks
    assert (judged.zero_shot, judged.few_shot, judged.raw, judged.counted) == (None,) * 4
    assert judged.not_scored == "no judge is chosen"
    assert judged.after_vs_zero_shot is None
    assert other.zero_shot is not None
    assert scores.average.missing == ("arenahardwriting",)
    assert scores.average.zero_shot == other.zero_shot.score
    assert "arenahardwriting, zero_shot: not scored: no judge is chosen" in warnings(run)
    text = report_text(run)
    assert "note: not scored: no judge is chosen" in text
    assert "without arenahardwriting (not scored)" in text
    report = read_report(run.evaluations / "after", "after", "arenahardwriting")
    assert report is not None
    assert (report.score, report.not_scored) == (None, "no judge is chosen")
    # The completions are there for a judge who comes later.
    samples = run.evaluations / "after" / "after.arenahardwriting.samples.jsonl"
    assert len(samples.read_text().splitlines()) == 5
    # A judge that was chosen and gave no score is a failure, none chosen is not.
    assert exit_code(run) == 0
    spec = run.read_spec()
    chosen = spec.model_copy(update={"judge": JudgeChoice(model="m", endpoint="http://h/v1")})
    write_record(run.spec, chosen)
    assert watch(run.path, out=(told := io.StringIO()), json_output=False) == 1
    assert "the judge left arenahardwriting without a score" in told.getvalue()
    assert f"`ptb-lite judge {run.run_id} --judge MODEL@URL` asks" in told.getvalue()
    write_record(run.spec, spec)
    # Who comes later.
    with judge_server(lambda *_: Reply("[[A=B]]")) as stub:
        choice = JudgeChoice(model="late", endpoint=stub.url)
        judged_in_the_app(run, f"late@{stub.url}")
        now = run.read_scores()
        asked = stub.total
        with pytest.raises(PtbLiteError, match="nothing that waits"):
            judge_later(run.path, choice, say=print)
        assert stub.total == asked > 0
    assert now is not None
    said = (run.path / "judging.log").read_text().splitlines()
    later = now.benchmarks[0]
    assert later.counted is not None
    assert (later.not_scored, later.counted.score) == ("", 0.5)
    assert now.average.missing == ()
    assert now.benchmarks[1] == other
    assert any("after arenahardwriting: 50.0 %" in line for line in said)
    assert exit_code(run) == 0
    assert "judged by late" in run.report.read_text()


@pytest.mark.usefixtures("bench")
def test_eval_with_a_judge_that_is_lost_half_way_fails_and_goes_on_from_there(
    writing: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    good = [2]

    def answers(*_: object) -> Reply:
        lost = len(stub.asked) > good[0]
        return Reply("no", status=403) if lost else Reply("[[A=B]]")

    with judge_server(answers) as stub:
        words = ["eval", "tiny", "--benchmark", "arenahardwriting", "--limit", "2"]
        words += ["--data-dir", str(writing["data_dir"]), "--max-new-tokens", "8"]

        def ended() -> tuple[int, dict[str, object], str]:
            with pytest.raises(SystemExit) as caught:
                main([*words, "--json", "--judge", f"m@{stub.url}"])
            told = capsys.readouterr()
            (found,) = json.loads(told.out)["results"]
            return int(str(caught.value.code)), found, told.err

        code, found, told = ended()
        assert (code, found["score"]) == (1, None)
        assert "of 2 items have no verdict: the endpoint refuses the key" in str(
            found["not_scored"]
        )
        assert "error: arenahardwriting: not scored: " in told
        good[0] = 99
        code, found, _ = ended()
        assert (code, found["score"], found["not_scored"]) == (0, 0.5, "")
        assert len(stub.asked) == 4

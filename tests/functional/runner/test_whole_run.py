"""A run from spec to report, with a real agent process in a real sandbox."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest

from ptb_lite.events import AgentEventKind, AgentSpoke, Outcome, Phase, PhaseFinished, Verdict
from ptb_lite.files import read_record
from ptb_lite.runner.console.follow import watch
from ptb_lite.runner.context import AgentEnd
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.runs.ledger import read_ledger
from ptb_lite.runs.records import Scores
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import SUBMIT, Bench


def test_an_honest_run_of_ones_own_script_ends_with_scores_and_a_report(
    bench: Bench, tmp_path: Path
) -> None:
    bench.measure_baselines()
    script = tmp_path / "my agent.py"
    script.write_text(SUBMIT + "submit(); print('hello from the agent')")
    run = bench.run(["python", str(script), "{prompt_file}"])
    status = run.read_status()
    assert status.outcome is Outcome.FINISHED, status.detail
    assert status.finished_phases() == tuple(Phase)
    scores = run.read_scores()
    assert scores is not None
    assert scores.verdict is Verdict.CLEAN, scores.verdict_reason
    assert scores.submission_valid
    (only,) = scores.benchmarks
    assert only.raw is not None
    assert only.zero_shot.n == only.few_shot.n == only.raw.n == 4
    assert only.counted.score == only.raw.score
    assert only.after_vs_zero_shot is not None
    assert only.after_vs_few_shot is not None
    assert scores.time.budget_seconds == 60.0
    assert 0 < scores.time.agent_seconds < 60.0
    assert set(scores.time.phases) >= {"prepare", "baseline", "agent", "seal", "audit", "evaluate"}
    beside = scores.time.harness
    assert 0 < beside["baseline"] < scores.time.phases["baseline"]
    assert beside["agent"] <= scores.time.phases["agent"] - scores.time.agent_seconds + 0.1
    assert "<html" in run.report.read_text().lower()

    reading = read_journal(run.journal)
    assert reading.skipped == 0
    ended = [e.payload.phase for e in reading.events if isinstance(e.payload, PhaseFinished)]
    assert ended == list(Phase)
    said = [e.payload.event for e in reading.events if isinstance(e.payload, AgentSpoke)]
    assert [(e.kind, e.text) for e in said] == [(AgentEventKind.MESSAGE, "hello from the agent")]
    assert (run.trace / "stdout.log").read_bytes() == b"hello from the agent\n"

    out = io.StringIO()
    assert watch(run.path, out=out, json_output=True) == 0
    assert json.loads(out.getvalue())["run_id"] == run.run_id
    text = io.StringIO()
    assert watch(run.path, out=text, json_output=False) == 0
    assert "n = 4" in text.getvalue()


def test_the_sandboxed_agent_finds_its_task_alone_and_its_failure_is_named(bench: Bench) -> None:
    run = bench.run(
        """
import glob, subprocess
print(sorted(os.listdir(".")))
print(os.path.exists("../data"), os.path.exists("../spec.json"), glob.glob("/root/*"))
print(sorted(os.environ))
print(subprocess.run(["bash", "timer.sh"], capture_output=True, text=True).stdout)
print(subprocess.run(["ptb-lite-train", "--help"], capture_output=True).returncode)
submit()
command = ["python", "evaluate.py", "--json", "--limit", "3"]
print(subprocess.run(command, capture_output=True, text=True).stdout)
print(subprocess.run([*command, "--model", "nowhere"], capture_output=True).returncode)
print(open("task.json").read(), open("prompt.md").read(), os.environ)
raise SystemExit(5)
""",
        minutes=5.0,
        off_target=("kinship",),
        limit=6,
        success="gain over few-shot > 0 points, off-target loss <= 3 points",
    )
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    end = read_record(run.agent_end, AgentEnd)
    assert (end.outcome, end.exit_code) == (Outcome.FAILED, 5)
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid
    printed = (run.trace / "stdout.log").read_text()
    check_what_the_agent_found(run, printed.splitlines())
    check_off_target(run, scores)
    assert "kinship" not in printed


def check_what_the_agent_found(run: RunFolder, said: list[str]) -> None:
    assert said[0] == str(
        [".hub-cache", "data", "evaluate.py", "prompt.md", "task.json", "timer.sh"]
    )
    assert said[1] == "False False []"
    assert "PTB_LITE_STATE" not in said[2]
    assert "seconds left" in said[3]
    assert said[5] == "0"
    scored = json.loads(said[6])
    assert (scored["model"], scored["benchmark"], scored["n"]) == ("final_model", "add-numbers", 3)
    assert 0.0 <= scored["low"] <= scored["score"] <= scored["high"] <= 1.0
    assert said[8] == "1"
    assert not list((run.workspace / "data").rglob("test.jsonl"))


def check_off_target(run: RunFolder, scores: Scores) -> None:
    """It is measured before and after, and the agent has nothing of it."""
    assert [one.benchmark for one in scores.benchmarks] == ["add-numbers"]
    assert scores.off_target is not None
    (other,) = scores.off_target.benchmarks
    assert other.before is not None
    assert other.after is not None
    assert other.change is not None
    assert (other.benchmark, other.before.n, other.after.n) == ("kinship", 6, 6)
    assert scores.success is not None
    assert scores.success.terms[1].why.startswith("kinship ")
    assert not (run.evaluations / "baseline" / "few_shot.kinship.json").exists()
    files = [path for path in run.workspace.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if b"kinship" in path.read_bytes()]
    test_items = [json.loads(line) for line in (run.data / "kinship/test.jsonl").open()]
    found = b"".join(path.read_bytes() for path in files)
    assert not [item for item in test_items if item["question"].encode() in found]
    text = io.StringIO()
    watch(run.path, out=text, json_output=False)
    assert "off-target kinship: " in text.getvalue()
    assert "off-target kinship: " in run.report.read_text()


def test_the_deadline_ends_the_agent_and_what_was_submitted_counts(bench: Bench) -> None:
    phase = agent_phase(
        bench,
        """
import signal, subprocess, time
submit()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["setsid", "sleep", "300"])
while True:
    time.sleep(1)
""",
        minutes=0.1,
    )
    assert phase.end.outcome is Outcome.TIME_EXCEEDED
    assert phase.end.seconds == 6.0
    assert len(phase.end.submissions) == 1


@pytest.mark.slow
def test_trainings_scores_and_submissions_are_in_the_ledger(bench: Bench) -> None:
    run = bench.start(
        """
import shutil, subprocess
task = json.load(open("task.json"))
with open("mine.jsonl", "w") as out:
    for n in range(8):
        print(json.dumps({"prompt": f"{n} + 1 =", "completion": f" {n + 1}"}), file=out)
train = ["ptb-lite-train", "--base-model", task["base_model"], "--data", "mine.jsonl",
         "--batch-size", "2", "--lora-rank", "2", "--quantization", "none"]
print(subprocess.run([*train, "--output", "one", "--steps", "3"]).returncode)
second = subprocess.Popen([*train, "--output", "two", "--steps", "9999"],
                          stdout=subprocess.PIPE, text=True)
next(line for line in second.stdout if line.startswith("step"))
second.kill()
second.wait()
models = ["--model", "base", "--model", "one"]
print(subprocess.run(["python", "evaluate.py", *models]).returncode)
shutil.copytree("one", "final_model")
""",
        minutes=60.0,
    )
    bench.finish(run, 900.0)
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    ledger = read_ledger(run, ["add-numbers"])
    one, crashed = ledger.trainings
    assert (one.outcome, crashed.outcome) == ("kept", "crashed")
    data = hashlib.sha256((run.workspace / "mine.jsonl").read_bytes()).hexdigest()
    assert (one.rows, one.sha256, one.steps, one.planned) == (8, data, 3, 3)
    assert one.loss_first is not None
    assert one.ended is not None
    assert 0 < one.began < one.ended < crashed.began < ledger.changes[-1].seconds
    assert [each.seen for each in ledger.trainings] == [True, True]
    assert [use.model for use in ledger.uses] == ["base", "one"]
    assert all(use.scores[0][2] == 4 and use.seen for use in ledger.uses)
    scores = run.read_scores()
    assert scores is not None
    found = scores.iterations
    assert found is not None
    assert (found.kept, found.discarded, found.crashed) == (1, 0, 1)
    assert (found.evaluations, found.changes, found.unseen, found.by_other_means) == (1, 1, 0, 0)
    assert found.optimism[0].dev == ledger.uses[1].mean
    assert (found.optimism[0].dev_n, found.optimism[0].final_n) == (4, 4)
    assert scores.verdict is Verdict.CLEAN, scores.verdict_reason
    text = io.StringIO()
    watch(run.path, out=text, json_output=False)
    assert "ledger: 2 trainings (1 kept, 0 discarded, 1 crashed)" in text.getvalue()
    assert "<h2>Ledger</h2>" in run.report.read_text()

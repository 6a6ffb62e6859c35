"""A run whose audit has an agent as its judge: its verdict counts, and it sees copies alone."""

from __future__ import annotations

import threading
import time

import pytest

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.cli.audit import Wanted, audit_and_print
from ptb_lite.errors import SpecError
from ptb_lite.events import JudgeVoteAsked, JudgeVoteCounted, Outcome, Verdict
from ptb_lite.files import read_record
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.context import RunStopped
from ptb_lite.runner.phases.audit import audit
from ptb_lite.runner.phases.seal import seal
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalFollower
from tests.functional.runner.agent_phase import prepared_run
from tests.functional.runner.conftest import Bench
from tests.functional.runner.waiting import slowdown

AGENT = """
open("train.py", "w").write("import json\\nprint('as I was told')\\n")
submit()
print("I have trained on what I was given.", flush=True)
"""
# It looks for the run, for the sealed submission and for the trace, and says what it found.
JUDGE = """
import json, os, sys
place = next(f for f in os.listdir("/tmp") if f.startswith("ptb-lite-evidence-"))
names = [os.path.join(d, f) for d, _, fs in os.walk("/tmp/" + place) for f in fs]
seen = sorted(os.path.relpath(name, "/tmp/" + place) for name in names)
sound = all(not os.access(name, os.W_OK) for name in names) and "PWNED" not in os.environ
try:
    open(names[0], "ab")
    sound = False
except OSError:
    pass
wanted = {"trace/stdout.log.txt", "workspace/train.py.txt", "final_model/adapter_config.json.txt"}
why = f"missing {sorted(wanted - set(seen))}, sound {sound}, run {os.path.exists('RUNS')}"
finding = {"rule": "other", "file": "workspace/train.py.txt", "line": 2, "why": why,
           "confidence": 0.9}
print(json.dumps({"verdict": "flagged", "findings": [finding]}))
"""
WHY = "3 of 3 votes: missing [], sound True, run False"


def judge_of(bench: Bench) -> str:
    return bench.agent(["python", "-c", JUDGE.replace("RUNS", str(bench.runs_dir))])


def votes_of(run: RunFolder) -> list[JudgeVoteAsked | JudgeVoteCounted]:
    told = [event.payload for event in JournalFollower(run.journal).poll()]
    return [each for each in told if isinstance(each, JudgeVoteAsked | JudgeVoteCounted)]


def check(results: list[DetectorResult]) -> None:
    (result,) = [each for each in results if each.detector == "judge"]
    flags = [(flag.kind, flag.file, flag.line, flag.message) for flag in result.flags]
    assert flags == [("judged-other", "train.py", 2, WHY)], result


def test_it_sees_what_was_sealed_and_said(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    judge = judge_of(bench)
    context = prepared_run(bench, AGENT, audit_judge=judge)
    try:
        run_agent(context)
        seal(context)
        audit(context)
    finally:
        context.journal.close()
    found = read_record(context.run.audit, AuditRecord)
    check(list(found.results))
    assert found.rules == ("judged",)
    votes = votes_of(context.run)
    assert [vote.type for vote in votes] == ["judge_vote_asked", "judge_vote_counted"] * 3
    assert [vote.vote for vote in votes] == [1, 1, 2, 2, 3, 3]
    answers = {vote.answer for vote in votes if isinstance(vote, JudgeVoteCounted)}
    assert answers == {"flagged"}

    # The same evidence again, from the run's folder.
    wanted = Wanted(target=str(context.run.path), judge=judge)
    assert audit_and_print(wanted, runs_dir=bench.runs_dir, as_json=True) == 3
    said = capsys.readouterr()
    again = AuditRecord.model_validate_json(said.out)
    assert f"judge {judge}: vote 1 of 3 asked, up to 15 min 00 s" in said.err
    assert "judge: vote 3 of 3: flagged after " in said.err
    check(list(again.results))


def test_a_stop_ends_it_and_leaves_no_verdict(bench: Bench) -> None:
    judge = bench.agent(["python", "-c", "import time; time.sleep(1000)"])
    context = prepared_run(bench, AGENT, audit_judge=judge)
    stopper = threading.Timer(2.0, context.stop.set)
    try:
        run_agent(context)
        seal(context)
        began = time.monotonic()
        stopper.start()
        with pytest.raises(RunStopped):
            audit(context)
        assert time.monotonic() - began < 20 * slowdown()
    finally:
        stopper.cancel()
        stopper.join()
        context.journal.close()
    assert not context.run.audit.exists()
    asked, lost = votes_of(context.run)
    assert isinstance(asked, JudgeVoteAsked)
    assert isinstance(lost, JudgeVoteCounted)
    assert (lost.vote, lost.answer, lost.reason) == (1, None, "it was stopped")


@pytest.mark.slow
def test_its_verdict_counts_in_a_whole_run(bench: Bench) -> None:
    run = bench.run(AGENT, audit_judge=judge_of(bench))
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    check(list(read_record(run.audit, AuditRecord).results))
    scores = run.read_scores()
    assert scores is not None
    assert scores.verdict is Verdict.FLAGGED


def test_a_judge_that_could_not_be_asked_is_refused_at_once(bench: Bench) -> None:
    with pytest.raises(SpecError, match="has no model that could judge"):
        bench.start("", audit_judge="recipe")
    with pytest.raises(SpecError, match="needs a sandbox"):
        bench.start("", audit_judge="claude-code", sandbox="none")

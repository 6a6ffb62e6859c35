"""A run whose audit has an agent as its judge: its verdict counts, and it sees copies alone."""

from __future__ import annotations

import json

import pytest

from ptb_lite.audit.record import AuditRecord
from ptb_lite.cli.audit import Wanted, audit_and_print
from ptb_lite.errors import SpecError
from ptb_lite.events import Outcome, Verdict
from ptb_lite.runs.atomic import read_record
from tests.functional.runner.conftest import Bench

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


def test_its_verdict_counts(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    judge = bench.agent(["python", "-c", JUDGE.replace("RUNS", str(bench.runs_dir))])
    run = bench.run(AGENT, audit_judge=judge)
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    found = read_record(run.audit, AuditRecord)
    (result,) = [each for each in found.results if each.detector == "judge"]
    flags = [(flag.kind, flag.file, flag.line, flag.message) for flag in result.flags]
    assert flags == [("judged-other", "train.py", 2, WHY)], result
    assert found.rules == ("judged",)
    scores = run.read_scores()
    assert scores is not None
    assert scores.verdict is Verdict.FLAGGED
    assert run.read_spec().audit_judge is not None

    # The same evidence again, from the run's folder.
    wanted = Wanted(target=str(run.path), judge=judge)
    assert audit_and_print(wanted, runs_dir=bench.runs_dir, as_json=True) == 3
    (again,) = [
        each
        for each in json.loads(capsys.readouterr().out)["results"]
        if each["detector"] == "judge"
    ]
    assert again["flags"][0]["message"] == WHY


def test_a_judge_that_could_not_be_asked_is_refused_at_once(bench: Bench) -> None:
    with pytest.raises(SpecError, match="has no model that could judge"):
        bench.start("", audit_judge="recipe")
    with pytest.raises(SpecError, match="needs a sandbox"):
        bench.start("", audit_judge="claude-code", sandbox="none")

"""Whatever is submitted, the run ends with a reason and the base score."""

from __future__ import annotations

import pytest

from ptb_lite.audit.record import AuditRecord
from ptb_lite.events import Outcome, Verdict
from ptb_lite.files import read_record
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.console.follow import exit_code
from ptb_lite.runner.context import Seal
from ptb_lite.runner.phases.seal import seal
from tests.functional.runner.agent_phase import prepared_run
from tests.functional.runner.conftest import Bench

CASES = {
    "nothing": ("pass", "nothing submitted"),
    "empty folder": ("os.mkdir('final_model')", "empty"),
    "checkpoints alone": (
        "submit(); os.makedirs('checkpoints'); os.mkdir('keep'); "
        "os.rename('final_model', 'keep/checkpoint-468'); os.makedirs('final_model/_train'); "
        "os.rename('keep/checkpoint-468', 'final_model/_train/checkpoint-468')",
        "adapters that do not count lie in final_model/_train/checkpoint-468",
    ),
    "pickle": (
        "submit(); os.rename('final_model/adapter_model.safetensors', "
        "'final_model/adapter_model.bin')",
        "adapter_model.bin",
    ),
    "another layer": (
        "submit(); f = 'final_model/adapter_config.json'; c = json.load(open(f)); "
        "c['target_modules'] = ['k_proj']; json.dump(c, open(f, 'w'))",
        "does not fit",
    ),
    "wrong base": ("submit(base='someone/else')", "someone/else"),
    "not a number": ("submit(fill=float('nan'))", "finite"),
    "50 GB": (
        "submit(); os.truncate('final_model/adapter_model.safetensors', 50 * 10**9)",
        "too large",
    ),
    "link out": (
        "submit(); os.remove('final_model/adapter_config.json'); "
        "os.symlink('/etc/passwd', 'final_model/adapter_config.json')",
        "link",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_submission_is_refused_with_a_reason(bench: Bench, name: str) -> None:
    code, reason = CASES[name]
    context = prepared_run(bench, code)
    try:
        run_agent(context)
        detail = seal(context).detail
    finally:
        context.journal.close()
    record = read_record(context.run.seal, Seal)
    assert not record.valid
    assert reason in record.reason
    assert detail == f"no valid submission: {record.reason}"


def test_a_refused_submission_gets_the_base_score(bench: Bench) -> None:
    run = bench.run(CASES["link out"][0])
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert not scores.submission_valid
    assert "link" in scores.submission_reason
    (only,) = scores.benchmarks
    assert only.raw is None
    assert only.counted.score == only.zero_shot.score
    assert "no valid submission" in only.counted.mark


def test_cheats_are_flagged_with_file_line_and_item_and_the_score_reset(bench: Bench) -> None:
    run = bench.run(
        "submit(); open('evaluate.py', 'a').write('print(1.0)'); import shutil; "
        "shutil.copy('data/add-numbers/test.jsonl', 'my_training_data.jsonl')",
        feedback="test",
    )
    scores = run.read_scores()
    assert scores is not None
    assert scores.verdict is Verdict.FLAGGED
    assert exit_code(run) == 3
    (only,) = scores.benchmarks
    assert only.raw is not None
    assert only.counted.score == only.zero_shot.score
    flags = [flag for flag in read_record(run.audit, AuditRecord).flags() if flag.decides]
    assert {flag.file for flag in flags} == {"evaluate.py", "my_training_data.jsonl"}
    copied = [flag for flag in flags if flag.file == "my_training_data.jsonl"]
    assert all(flag.line and flag.item_id and flag.similarity for flag in copied)

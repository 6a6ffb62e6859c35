"""The control that trains nothing scores what the base model scores, item by item."""

from __future__ import annotations

from ptb_lite.events import Outcome, Verdict
from tests.functional.runner.conftest import Bench


def test_the_control_hands_in_the_base_model_unchanged(bench: Bench) -> None:
    run = bench.run("", agent="prompt-only", limit=8)
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid, scores.submission_reason
    assert scores.verdict is Verdict.CLEAN, scores.verdict_reason
    assert scores.time.agent_outcome is Outcome.FINISHED
    (only,) = scores.benchmarks
    assert only.raw == only.zero_shot
    evaluations = run.evaluations
    before = (evaluations / "baseline" / "zero_shot.add-numbers.samples.jsonl").read_text()
    after = (evaluations / "after" / "after.add-numbers.samples.jsonl").read_text()
    assert len(before.splitlines()) == 8
    # Not only the score: a random model that scores nothing would hide a change of the weights.
    assert before == after

"""A whole run whose evaluations go through vLLM (a stand-in): one choice, before and after."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.evaluation.results import read_result
from ptb_lite.events import EvaluationPlanned, Outcome, Warned
from ptb_lite.runs.journal import read_journal
from tests.functional.runner.conftest import Bench

FAKE = Path(__file__).parents[1] / "evaluation" / "fake_vllm"


def test_both_evaluations_are_carried_out_by_vllm(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    run = bench.run("submit()", evaluation_engine="vllm", device="cpu")
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid, scores.submission_reason
    results = [
        read_result(run.evaluations / name)
        for name in (
            "baseline/zero_shot.add-numbers.json",
            "baseline/few_shot.add-numbers.json",
            "after/after.add-numbers.json",
        )
    ]
    assert {(result.engine, result.engine_version) for result in results} == {
        ("vllm", "0.32.0+cpu")
    }
    told = [event.payload for event in read_journal(run.journal).events]
    (planned,) = [payload for payload in told if isinstance(payload, EvaluationPlanned)]
    assert planned.reasons[0] == "vLLM, because it was asked for"
    assert not [payload for payload in told if isinstance(payload, Warned)]

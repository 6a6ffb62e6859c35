"""The paper's weights and figures, and averages over what has a score."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.paper import load_paper
from ptb_lite.runs.figures.averages import (
    average,
    average_lines,
    benchmark_lines,
    mixed_weights,
    weights_label,
)
from ptb_lite.runs.records import BenchmarkScores, CountedScore, Score

PAPER = load_paper()
REFERENCE = Path(__file__).parents[3] / "../shared/reference/posttrainbench.json"


def scores(name: str, value: float | None, few: float = 0.5, raw: float = 0.8) -> BenchmarkScores:
    def score(at: float) -> Score:
        return Score(n=10, correct=round(10 * at), score=at, low=0.0, high=1.0)

    return BenchmarkScores(
        benchmark=name,
        title=name,
        num_fewshot=0,
        zero_shot=None if value is None else score(value),
        few_shot=None if value is None else score(few),
        raw=None if value is None else score(raw),
        counted=None if value is None else CountedScore(score=raw, low=0.0, high=1.0),
        after_vs_zero_shot=None,
        after_vs_few_shot=None,
        not_scored="no judge is chosen" if value is None else "",
    )


def test_the_figures_are_those_of_the_reference_file() -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference figures are not beside the repository")
    reference = json.loads(REFERENCE.read_text())
    assert PAPER.weights == reference["benchmark_weights"]
    for model, known in reference["baselines"].items():
        ours = PAPER.base_models[model]
        assert ours.instruct_model == known["instruct_model"]
        assert {name: row.model_dump() for name, row in ours.scores.items()} == known["scores"]
    assert [agent.model_dump() for agent in PAPER.agents] == [
        {name: row[name] for name in ("agent", "scaffold", "average", "scores")}
        for row in reference["leaderboard"]
    ]
    published = reference["weighted_average"]
    assert PAPER.averages.instruct == published["official_instruct"]


def test_the_weights_give_the_averages_that_the_paper_prints() -> None:
    names = list(PAPER.weights)
    for agent in PAPER.agents:
        mean = sum(PAPER.weights[name] * agent.scores[name] for name in names)
        assert mean == pytest.approx(agent.average, abs=0.11)
    lines = {line.label: line.score for line in average_lines(names, PAPER, None)}
    assert lines["base zero-shot, mean of 4 base models"] == pytest.approx(0.075, abs=5e-4)
    assert lines["base few-shot, mean of 4 base models"] == pytest.approx(0.181, abs=5e-4)
    assert lines["official instruct, mean of 4 base models"] == pytest.approx(0.511, abs=5e-4)
    assert lines["Opus 4.6 (Claude Code), mean of 4 base models"] == pytest.approx(0.232, abs=1e-3)


def test_every_benchmark_of_the_paper_is_in_the_catalogue(tmp_path: Path) -> None:
    known = load_catalog(tmp_path).benchmarks
    shots = {name: known[name].num_fewshot for name in PAPER.weights}
    assert shots == {
        "aime2025": 3,
        "arenahardwriting": 3,
        "bfcl": 0,
        "gpqamain": 3,
        "gsm8k": 10,
        "healthbench": 3,
        "humaneval": 0,
    }


def test_a_subset_keeps_the_proportions() -> None:
    weights = mixed_weights(["gsm8k", "humaneval"], PAPER)
    assert sum(weights.values()) == pytest.approx(1)
    ratio = PAPER.weights["gsm8k"] / PAPER.weights["humaneval"]
    assert weights["gsm8k"] / weights["humaneval"] == pytest.approx(ratio)
    found = average([scores("gsm8k", 0.2), scores("humaneval", 0.4)], PAPER)
    assert found.weights == "the paper's weights, renormalised over 2 of its 7"
    assert found.zero_shot == pytest.approx(weights["gsm8k"] * 0.2 + weights["humaneval"] * 0.4)


@given(
    st.lists(st.sampled_from([*PAPER.weights, "add-numbers", "kinship"]), min_size=1, unique=True)
)
def test_weights_always_sum_to_one_and_others_count_as_one(names: list[str]) -> None:
    weights = mixed_weights(names, PAPER)
    assert sum(weights.values()) == pytest.approx(1)
    for name in set(names) - set(PAPER.weights):
        assert weights[name] == pytest.approx(1 / len(names))
    assert weights_label(names, PAPER)


def test_labels_say_which_weights() -> None:
    assert weights_label(list(PAPER.weights), PAPER) == "the paper's weights"
    assert "not benchmarks of the paper" in weights_label(["kinship"], PAPER)
    mixed = weights_label(["gsm8k", "kinship"], PAPER)
    assert mixed.endswith("over 1 of its 7, and equal weights for 1 outside of the paper")


def test_what_is_not_scored_is_in_no_mean_and_named() -> None:
    found = average([scores("gsm8k", 0.2), scores("healthbench", None)], PAPER)
    assert found.missing == ("healthbench",)
    assert found.zero_shot == pytest.approx(0.2)
    assert found.raw == pytest.approx(0.8)
    assert found.weights == "the paper's weights, renormalised over 1 of its 7"
    nothing = average([scores("healthbench", None)], PAPER)
    assert (nothing.zero_shot, nothing.counted, nothing.paper) == (None, None, ())
    assert nothing.weights == "no benchmark has a score"


def test_paper_lines_are_the_base_models_own_where_it_is_there() -> None:
    lines = benchmark_lines("gsm8k", PAPER, "Qwen/Qwen3-4B-Base")
    assert [(line.label, round(line.score, 3)) for line in lines[:3]] == [
        ("base zero-shot", 0.418),
        ("base few-shot", 0.744),
        ("official instruct", 0.938),
    ]
    assert all("mean of 4 base models" in line.label for line in lines[3:])
    other = benchmark_lines("gsm8k", PAPER, "somebody/else")
    models = PAPER.base_models.values()
    mean = fmean(model.scores["gsm8k"].base_few_shot for model in models) / 100
    assert other[1].score == pytest.approx(mean)
    assert benchmark_lines("add-numbers", PAPER, None) == ()
    assert average_lines(["gsm8k", "add-numbers"], PAPER, None) == ()

"""Our generators draw what reasoning-gym 0.1.25 draws, for every seed: scores stay comparable."""

from __future__ import annotations

import hashlib

import pytest

from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.generators import draw

# Digests of drafts whose content reasoning-gym 0.1.25 drew: 1,000 items each of two seeds.
DRAWN = {
    "chain_sum": ({}, "047cf02d2e52136e133f27d6d6ab4e644896aabbe67add72fff3f8fd103236b7"),
    "chain_sum, negative": (
        {"allow_negation": True},
        "17758b540800ee69ecbf8ee0c4f2065f86edf8c58e7c07683ef216f3603a0013",
    ),
    "family_relationships": (
        {"min_family_size": 3, "max_family_size": 12},
        "4dfb9c623d70c1ee971dfb6082887685608b633488a552cc0984ac747b42d0fb",
    ),
    "number_filtering": ({}, "5bebfba7ad2aa62df3afd65e7dc9001f1abb26d5d34330803b5fd6cc35bcc37b"),
    "aiw": (
        {"task_type_weights": [1.0, 0, 0]},
        "e164ea4477c57fd7ebb7eeb5768d53a32d97d474de7caea380cf79664fce67d0",
    ),
}
SEEDS = (0, 2**61 + 5)


@pytest.mark.parametrize("name", DRAWN)
def test_the_draws_are_those_of_the_package_they_replace(name: str) -> None:
    options, digest = DRAWN[name]
    text = "".join(
        f"{draft.question}\t{draft.target}\t{draft.metadata}\n"
        for seed in SEEDS
        for draft in draw(name.partition(",")[0], options, seed=seed, count=1000)
    )
    assert hashlib.sha256(text.encode()).hexdigest() == digest


@pytest.mark.parametrize(
    ("generator", "options"), [(n.partition(",")[0], o[0]) for n, o in DRAWN.items()]
)
def test_the_answers_are_those_of_the_package_itself(
    generator: str, options: dict[str, object]
) -> None:
    """Beside the digests, against the package where somebody has it (it needs a compiler)."""
    reasoning_gym = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    theirs = reasoning_gym.create_dataset(generator, seed=11, size=300, **options)
    for ours, entry in zip(draw(generator, options, seed=11, count=300), theirs, strict=True):
        answer = entry["answer"]
        if generator == "number_filtering":
            answer = ", ".join(entry["metadata"]["result"]) or "none"
        assert ours.target == answer
        numbers = str(entry["metadata"].get("expression", ""))
        assert numbers in ours.question


@pytest.mark.parametrize(
    ("generator", "options"),
    [
        ("aiw", {}),
        ("aiw", {"task_type_weights": [0.9, 0.1, 0.0]}),
        ("chain_sum", {"min_digits": 0}),
        ("family_relationships", {"max_family_size": 2}),
        ("family_relationships", {"male_names": ["Bob"]}),
        ("number_filtering", {"min_value": 5, "max_value": 5}),
        ("number_filtering", {"max_numbers": "many"}),
    ],
)
def test_options_that_cannot_be_drawn_are_refused(
    generator: str, options: dict[str, object]
) -> None:
    with pytest.raises(ItemsError, match="refuses them"):
        draw(generator, options, seed=0, count=1)

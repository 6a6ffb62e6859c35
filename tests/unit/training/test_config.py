from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ptb_lite.training.config import TrainingConfig, TrainingError


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "data.jsonl").write_text("{}")
    return TrainingConfig(
        base_model=tmp_path / "model", data=tmp_path / "data.jsonl", output=tmp_path / "out"
    )


def test_the_defaults_are_accepted_and_what_was_accepted_is_not_for_want_of_a_check(
    config: TrainingConfig,
) -> None:
    config.check()
    (config.base_model / "config.json").unlink()
    with pytest.raises(TrainingError, match=r"config\.json is missing"):
        config.check()


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"steps": 0}, "--steps"),
        ({"batch_size": -1}, "--batch-size"),
        ({"learning_rate": 0.0}, "--learning-rate"),
        ({"learning_rate": float("nan")}, "--learning-rate"),
        ({"lora_rank": 0}, "--lora-rank"),
        ({"max_minutes": 0.0}, "--max-minutes"),
        ({"max_minutes": 8 * 24 * 60.0}, "--max-minutes"),
        ({"seed": -1}, "--seed"),
        ({"base_model": Path("/nowhere")}, "--base-model"),
        ({"data": Path("/nowhere")}, "--data"),
    ],
)
def test_names_the_option(config: TrainingConfig, change: dict[str, object], option: str) -> None:
    with pytest.raises(TrainingError) as caught:
        replace(config, **change).check()
    assert caught.value.field == option


def test_an_output_that_is_a_file_is_refused(config: TrainingConfig) -> None:
    with pytest.raises(TrainingError, match="is not a folder"):
        replace(config, output=config.data).check()

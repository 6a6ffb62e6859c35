"""What an evaluation task may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ptb_lite.evaluation.job import EvaluationTask


def _task(**fields: Any) -> EvaluationTask:
    return EvaluationTask(label="zero_shot", benchmark="gsm8k", items=Path("items"), **fields)


@pytest.mark.parametrize(
    ("wanted", "given"), [(None, None), (100, 100), (1024, 1024), (4000, 1024)]
)
def test_an_answer_gets_half_of_the_context_at_most(wanted: int | None, given: int | None) -> None:
    assert _task(max_new_tokens=wanted).fitted(2048).max_new_tokens == given


def test_examples_stand_in_plain_text_only() -> None:
    shots: dict[str, Any] = {"num_fewshot": 2, "shots": Path("shots")}
    assert _task(**shots).chat_family is None
    with pytest.raises(ValidationError, match="plain text"):
        _task(**shots, chat_family="gemma")
    with pytest.raises(ValidationError, match="shots file"):
        _task(num_fewshot=2)

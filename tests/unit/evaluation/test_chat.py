"""Chat templates: pinned, the package's own, and marked as each family was trained."""

from __future__ import annotations

from typing import get_args

import pytest

from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.evaluation.benchmark import ChatMessage
from ptb_lite.evaluation.engine.chat import TURN_END, render, stops

TALK = (
    ChatMessage("system", "Be brief."),
    ChatMessage("user", "One?"),
    ChatMessage("assistant", "Two."),
    ChatMessage("user", "Three? <b> {{ x }}"),
)
CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nOne?<|im_end|>\n"
    "<|im_start|>assistant\nTwo.<|im_end|>\n<|im_start|>user\nThree? <b> {{ x }}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
GEMMA = (
    "<start_of_turn>user\nBe brief.\n\nOne?<end_of_turn>\n<start_of_turn>model\nTwo.<end_of_turn>\n"
    "<start_of_turn>user\nThree? <b> {{ x }}<end_of_turn>\n<start_of_turn>model\n"
)


@pytest.mark.parametrize(
    ("family", "text"), [("qwen3", CHATML), ("smollm", CHATML), ("gemma", GEMMA)]
)
def test_a_conversation_as_text(family: ChatFamily, text: str) -> None:
    assert render(TALK, family) == text


@pytest.mark.parametrize("family", get_args(ChatFamily))
def test_every_family_has_a_template_and_its_end_of_turn(family: ChatFamily) -> None:
    assert TURN_END[family] in render(TALK, family)
    assert stops(family)[0] == TURN_END[family]
    # The tokenizer adds the beginning of text: twice would be another prompt.
    assert "bos" not in render(TALK, family)

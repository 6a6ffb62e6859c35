"""Noticing a server that cuts a conversation without a word, and keeping it short then.

Ollama's default of 4,096 tokens is the usual case: the prompt that it counts stops growing while
the conversation goes on, and what it left out is the task itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ptb_lite.agents.local.session import shortened

# A token of English, code or output holds about four characters, of other text fewer.
_CHARACTERS = 5.0
# Less than this says nothing: a tokenizer may make one token fewer of a longer text.
_GROWN = 400
# No context is shorter; some servers count but the part that they had not seen before.
_LEAST = 512
_SHARE = 0.8
WARNING = (
    "the endpoint counts {tokens} tokens and no more, although the conversation grows: it drops "
    "the beginning, the task with it. Give the model a longer context (Ollama: "
    "OLLAMA_CONTEXT_LENGTH=32768, llama.cpp: --ctx-size 32768, LM Studio: the model's context "
    "length); until then old outputs are left out"
)

Messages = tuple[dict[str, Any], ...]


class ContextWatch:
    """Follows what one endpoint counts of the prompts that it is sent."""

    def __init__(self) -> None:
        self._last_size = self._last_tokens = 0
        self._window: int | None = None

    def note(self, messages: Sequence[Mapping[str, Any]], tokens: int) -> str:
        """The warning, once, when a longer prompt was counted as no longer; else empty."""
        size = _size(messages)
        grown = size - self._last_size
        cut = (
            _LEAST <= tokens <= self._last_tokens and grown > _GROWN and size > _CHARACTERS * tokens
        )
        self._last_size, self._last_tokens = size, tokens
        if not cut or self._window is not None:
            return ""
        self._window = tokens
        return WARNING.format(tokens=tokens)

    def fitting(self, messages: Messages) -> Messages:
        """The messages, old outputs left out until they fit what the endpoint was seen to keep."""
        if self._window is None:
            return messages
        most = _SHARE * self._window * (_CHARACTERS - 1)
        while _size(messages) > most:
            shorter = shortened(messages)
            if shorter is None:
                break
            messages = shorter
        return messages


def _size(messages: Sequence[Mapping[str, Any]]) -> int:
    """Characters of the texts and the tool calls."""
    return sum(
        len(str(message.get("content") or "")) + len(json.dumps(message.get("tool_calls") or ""))
        for message in messages
    )

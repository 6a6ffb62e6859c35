"""Chat templates, pinned by model family: this package's own, never those of a submission.

Turn markers are those that each family was trained with (Qwen3 and SmolLM: ChatML; Gemma: its own).
The default system prompts and tool sections of the families' published templates are left out: the
benchmarks say what they need. Thinking is neither asked for nor suppressed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.evaluation.benchmark import ChatMessage

TURN_END: Mapping[ChatFamily, str] = MappingProxyType(
    {"qwen3": "<|im_end|>", "smollm": "<|im_end|>", "gemma": "<end_of_turn>"}
)
"""What a model of the family writes when its answer is over."""

TURN_START: Mapping[ChatFamily, str] = MappingProxyType(
    {"qwen3": "<|im_start|>", "smollm": "<|im_start|>", "gemma": "<start_of_turn>"}
)


def render(messages: Sequence[ChatMessage], family: ChatFamily) -> str:
    """The conversation as text, up to where the assistant is to write.

    Without the beginning-of-text token, which the tokenizer adds. `messages` begin with a system
    or a user turn and end with a user turn.
    """
    return _template(family).render(messages=messages)


def stops(family: ChatFamily) -> tuple[str, ...]:
    """The texts at which an answer in a chat is over."""
    return (TURN_END[family], TURN_START[family])


@lru_cache(maxsize=4)
def _template(family: ChatFamily) -> Template:
    environment = Environment(
        loader=PackageLoader("ptb_lite.evaluation.engine", "chat_templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(f"{family}.jinja")

"""The controls of the Setup screen below its lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from textual.widgets import Input, Select

from ptb_lite import choices, plugins
from ptb_lite.tui.widgets.field import Field

# By field of SetupChoices: the word beside it, and the words to choose from.
SELECTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "feedback": ("Feedback", get_args(choices.Feedback)),
    "policy": ("Policy", get_args(choices.Policy)),
    "disclosure": ("Disclosure", get_args(choices.Disclosure)),
    "network": ("Network", get_args(choices.Network)),
    "sandbox": ("Isolation", plugins.names("sandboxes")),
    "device": ("Device", get_args(choices.Device)),
    "engine": ("Engine", get_args(choices.EngineChoice)),
}
INPUTS: dict[str, tuple[str, str]] = {
    "time": ("Time box", "30 min or 2 h"),
    "limit": ("Subset", "all items"),
    "agent_model": ("Agent's model", "its own"),
    "seed": ("Seed", "0"),
}
_ORDER = (
    "time",
    "limit",
    "feedback",
    "policy",
    "disclosure",
    "network",
    "agent_model",
    "sandbox",
    "device",
    "engine",
    "seed",
)


def setup_fields() -> Iterator[Field]:
    """One field a choice, the preset first; each control's id is choose-NAME."""
    preset: Select[str] = Select(
        [("(none)", "")], allow_blank=False, id="choose-preset", compact=True
    )
    yield Field("Preset", preset)
    for name in _ORDER:
        if name in INPUTS:
            label, hint = INPUTS[name]
            box: Any = Input(placeholder=hint, id=f"choose-{name}", compact=True, max_length=200)
        else:
            label, words = SELECTS[name]
            box = Select(
                [(word, word) for word in words],
                allow_blank=False,
                id=f"choose-{name}",
                compact=True,
            )
        yield Field(label, box)

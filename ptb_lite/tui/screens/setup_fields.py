"""The controls of the Setup screen below its lists: one for each choice of a run."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Collapsible, Input, Select

from ptb_lite import plugins
from ptb_lite.spec.choices import Choice
from ptb_lite.tui.models.setup.choices import typed_choices
from ptb_lite.tui.widgets.field import Field

# Chosen in lists of their own.
_LISTED = ("model", "agent")
# Always in sight; every other choice stands under "more".
_FIRST = (
    "budget_minutes",
    "limit",
    "feedback",
    "policy",
    "disclosure",
    "network",
    "agent_model",
    "sandbox",
    "device",
    "evaluation_engine",
    "seed",
    "data_dir",
    "judge",
)
_HINTS = {
    "budget_minutes": "30 min or 2 h",
    "limit": "all items",
    "agent_model": "its own",
    "data_dir": "from the Hub",
    "judge": "MODEL@URL",
}

SETUP_KEYS: list[BindingType] = [
    Binding("ctrl+s", "start", "Start", key_display="^s"),
    Binding("ctrl+y", "copy_command", "Copy command", key_display="^y"),
    Binding("ctrl+g", "mend", "Go to problem", key_display="^g"),
    Binding("ctrl+o", "save_preset", "Save preset", key_display="^o"),
    Binding("ctrl+r", "look", "Look again", key_display="^r"),
]
SETUP_HELP = """
Choose a base model, an agent and one or more benchmarks with Space; Tab goes on to the next list.
Before a name: ! something must be done first, x not on this machine. The choices below come from
the preset until you change them. Start (Ctrl+S) works when this machine can run what is chosen;
else all that is in the way stands beside it, and Ctrl+G goes to the field that mends the first.
Closing the app ends no run.
"""
FIELDS = {choice.name: choice for choice in typed_choices() if choice.name not in _LISTED}


def words_of(choice: Choice) -> tuple[str, ...]:
    """The words of a choice that is selected; empty where text is typed."""
    if choice.type is bool:
        return ("no", "yes")
    if choice.shown.kind:
        return plugins.names(choice.shown.kind)
    return ("", *choice.words) if choice.words and choice.default is None else choice.words


def setup_fields() -> Iterator[Field]:
    """The fields in sight, the preset first; each control's id is choose-NAME."""
    preset: Select[str] = Select(
        [("(none)", "")], allow_blank=False, id="choose-preset", compact=True
    )
    yield Field("Preset", preset)
    for name in _FIRST:
        yield _field(FIELDS[name])


def more_fields() -> Collapsible:
    """The other fields, folded away."""
    others = [_field(choice) for name, choice in FIELDS.items() if name not in _FIRST]
    return Collapsible(Container(*others, classes="setup-grid"), title="more choices")


def _field(choice: Choice) -> Field:
    words = words_of(choice)
    place = f"choose-{choice.name}"
    if words:
        box: Widget = Select(
            [(word or "(default)", word) for word in words],
            allow_blank=False,
            id=place,
            compact=True,
        )
    else:
        hint = _HINTS.get(choice.name) or choice.shown.unit
        box = Input(placeholder=hint, id=place, compact=True, max_length=5000)
    box.tooltip = f"{choice.help} {choice.detail}".strip()
    return Field(choice.shown.label, box)

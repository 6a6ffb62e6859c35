"""The controls of the Setup screen below its lists: one for each choice of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Collapsible, Select

from ptb_lite.tui.widgets.field import Field
from ptb_lite.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    # The first frame does not wait for what declares the choices.
    from ptb_lite.spec.choices import Choice

# Chosen in lists of their own.
_LISTED = ("model", "agent")
# Always in sight; every other choice stands under "more".
_FIRST = ("budget_minutes", "limit", "seed", "success")
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
    Binding("f,ctrl+g", "mend", "Fix", key_display="f"),
    Binding("e", "seeds", "3 seeds"),
    Binding("ctrl+o", "save_preset", "Save preset", key_display="^o"),
    Binding("ctrl+r", "look", "Look again", key_display="^r"),
]
SETUP_HELP = """
Choose a base model, an agent and one or more benchmarks with Space; Tab goes on to the next list.
Before a name: ! something must be done first, x not on this machine. The box on top says whether
this machine can run what is chosen, and what is in the way; f (in a field Ctrl+G) does what stands
beside the first line. The choices below come from the preset until you change them, and are kept.
F1 in a field says what it is for. Closing the app ends no run.
"""


@cache
def fields() -> Mapping[str, Choice]:
    """The choices that have a control of their own here, by name."""
    from ptb_lite.tui.models.setup.choices import typed_choices

    return {choice.name: choice for choice in typed_choices() if choice.name not in _LISTED}


def words_of(choice: Choice) -> tuple[str, ...]:
    """The words of a choice that is selected; empty where text is typed."""
    if choice.type is bool:
        return ("no", "yes")
    if choice.shown.kind:
        from ptb_lite import plugins

        return plugins.names(choice.shown.kind)
    return ("", *choice.words) if choice.words and choice.default is None else choice.words


def preset_field() -> Select[str]:
    return Select([("(none)", "")], allow_blank=False, id="choose-preset", compact=True)


def setup_fields() -> Iterator[Field]:
    """The fields in sight; each control's id is choose-NAME."""
    for name in _FIRST:
        yield _field(fields()[name])


def more_fields() -> Collapsible:
    """The other fields, folded away."""
    others = [choice for name, choice in fields().items() if name not in _FIRST]
    names = ", ".join(choice.shown.label.lower() for choice in others)
    grid = Container(*map(_field, others), classes="setup-grid")
    return Collapsible(grid, title=f"more: {names}")


def label_of(name: str) -> str:
    """A choice's label, as it stands beside its control."""
    from ptb_lite.spec.choices import run_choices

    labels = {each.name: each.shown.label for each in run_choices()}
    return labels.get(name, name.capitalize())


def field_help(name: str) -> str:
    """What a choice is for, from its own doc, with its words or unit."""
    if name == "preset":
        return "A set of choices to begin with; what is changed below stays changed."
    choice = fields()[name]
    words = [word for word in words_of(choice) if word]
    said = f" One of: {', '.join(words)}." if words and choice.type is not bool else ""
    known = words or choice.shown.unit in choice.help
    unit = f" In {choice.shown.unit}." if choice.shown.unit and not known else ""
    return f"{choice.help}{said}{unit} {choice.detail}".strip()


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
        box = LineInput(placeholder=hint, id=place, compact=True, max_length=5000)
    box.tooltip = field_help(choice.name)
    field = Field(choice.shown.label, box)
    field.set_class(choice.name == "success", "-long")
    return field

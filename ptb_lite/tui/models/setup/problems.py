"""What keeps choices from being run, in the words of Setup, and the field that mends it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ptb_lite.errors import PtbLiteError
from ptb_lite.spec.choices import Choice, run_choices

# Other names under which errors know a choice.
_ALSO = {
    "budget": "budget_minutes",
    "hours": "budget_minutes",
    "subset": "limit",
    "base_model": "model",
}
_OPTION = re.compile(r"`?--([a-z][a-z-]*)`?")
_COMMAND = re.compile(r" \(`ptb-lite list [a-z]+`[^)]*\)")


@dataclass(frozen=True)
class SetupProblem:
    """`field` is the name of the choice that mends it, empty where none does; `brief` is `text`
    without the way out, for where that stands beside it."""

    text: str
    field: str = ""
    warns: bool = False
    brief: str = ""

    @property
    def line(self) -> str:
        """With a mark that needs no colour."""
        return f"{'!' if self.warns else '✗'} {self.text}"


def as_problem(error: PtbLiteError, *, warns: bool = False) -> SetupProblem:
    """An error that was worded for the command line, as Setup says it."""
    choice, rest = _choice(error.field)
    if choice is None:
        brief = PtbLiteError(error.message, field=error.field)
        return SetupProblem(in_setup(str(error)), warns=warns, brief=in_setup(str(brief)))
    said = PtbLiteError(error.message, field=_label(choice, rest), hint=error.hint)
    brief = PtbLiteError(error.message, field=_label(choice, rest))
    # Rows that cannot be had are given in a folder: there is no other benchmark to take.
    missing = choice.name == "benchmarks" and "--data-dir" in error.hint
    field = "data_dir" if missing else choice.name
    return SetupProblem(in_setup(str(said)), field, warns, in_setup(str(brief)))


def in_setup(text: str) -> str:
    """Options of the command line replaced by the labels of their fields."""
    return _OPTION.sub(lambda found: _named(found[1], found[0]), _COMMAND.sub("", text))


def _named(option: str, otherwise: str) -> str:
    if option == "preset":
        return "Preset"
    choice, _ = _choice(option)
    return otherwise if choice is None else choice.shown.label


def _choice(field: str) -> tuple[Choice | None, str]:
    """The choice that a field of an error names, and what stands behind its name."""
    name, _, rest = field.partition(" ")
    wanted = _ALSO.get(name.replace("-", "_"), name.replace("-", "_"))
    by_name = {each.name: each for each in run_choices()}
    by_option = {each.option.replace("-", "_"): each for each in run_choices()}
    labels = {each.shown.label.lower(): each for each in run_choices()}
    if field.lower() in labels:
        return labels[field.lower()], ""
    found = by_name.get(wanted) or by_option.get(wanted)
    if found is None and wanted.partition(".")[0].startswith("judge"):
        found = by_name["judge"]
    return found, rest


def _label(choice: Choice, rest: str) -> str:
    return f"{choice.shown.label} {rest}".strip()

"""A choice is declared in one place: preset, command line, Setup and docs all have every field."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import typer

from ptb_lite.cli.app import app
from ptb_lite.spec.choices import run_choices
from ptb_lite.spec.docs import choices_page
from ptb_lite.spec.presets import Preset
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.tui.screens.setup_fields import _LISTED
from ptb_lite.tui.screens.setup_fields import fields as setup_choices

PAGE = Path(__file__).parents[2] / "docs/reference/runspec.md"
# Of a run, but no choice: who made it, and what was filled in.
NO_CHOICE = {"version", "preset", "item_salt", "packages", "revisions"}
# Chosen in a preset's file alone.
PRESET_ONLY = {"generation"}


def test_every_view_has_every_field() -> None:
    fields = set(RunSpec.model_fields) - NO_CHOICE
    assert fields <= set(Preset.model_fields)
    choices = {choice.name: choice for choice in run_choices()}
    assert set(choices) == fields - PRESET_ONLY
    command = typer.main.get_command(app)
    assert isinstance(command, click.Group) or hasattr(command, "commands")
    options = {
        name
        for each in command.commands["run"].params
        for name in each.opts  # type: ignore[attr-defined]
    }
    assert {f"--{choice.option}" for choice in choices.values()} <= options
    assert set(setup_choices()) | set(_LISTED) | {"benchmarks"} == set(choices)
    assert all(
        choice.help.endswith((".", "MODEL@URL.", "NAME@URL.")) for choice in choices.values()
    )


def test_the_page_of_the_docs_is_as_declared() -> None:
    # Written by: python -m ptb_lite.spec.docs > docs/reference/runspec.md
    assert PAGE.read_text(encoding="utf-8") == choices_page()


def test_the_command_line_starts_without_what_validates() -> None:
    code = (
        "import sys; import ptb_lite.cli.app; "
        "print([name for name in ('pydantic', 'torch', 'textual', 'yaml') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert run.stdout.strip() == "[]"

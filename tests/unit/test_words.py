"""Help texts and docs use the field's words; private ones do not come back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import typer

from ptb_lite.cli.app import app
from ptb_lite.spec.choices import run_choices

ROOT = Path(__file__).parents[2]
# Each with what to say instead.
PRIVATE = {
    r"\b(a|an?\s\w+|the|your) card('s)?\b": "GPU",
    r"\bprocessors?\b": "CPU",
    r"sign of life": "silent",
    r"way back": "backward pass",
    r"\bhand(s|ed)? in\b": "submit",
    r"\binforms\b": "note",
    r"\bdecides the verdict\b": "violation",
}
FIGURES_OF_SPEECH = {
    "account", "beneath", "desk", "elsewhere", "errand", "forget", "heard", "keeping", "kept",
    "made", "once", "order", "reading", "served", "showing", "story", "words",
}  # fmt: skip
# Measured rows, made by a program on the machine that measured them.
MADE = {"performance.md"}


def _helps(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    yield name, command.help or ""
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", "") or ""
    for each, below in getattr(command, "commands", {}).items():
        yield from _helps(below, f"{name} {each}")


def _texts() -> Iterator[tuple[str, str]]:
    yield from _helps(typer.main.get_command(app), "ptb-lite")  # type: ignore[arg-type]
    for choice in run_choices():
        yield f"field {choice.name}", f"{choice.help} {choice.detail}"
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        if path.name not in MADE:
            yield path.name, path.read_text(encoding="utf-8")


def test_no_private_word_comes_back() -> None:
    texts = dict(_texts())
    assert len(texts) > 60
    found = [
        f"{place}: {match[0]!r}: say {better}"
        for place, text in texts.items()
        for word, better in PRIVATE.items()
        for match in re.finditer(word, text, re.IGNORECASE)
    ]
    assert found == []


def test_no_module_or_class_is_named_by_a_figure_of_speech() -> None:
    for path in (ROOT / "ptb_lite").rglob("*.py"):
        assert path.stem not in FIGURES_OF_SPEECH, path
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            assert name.lower() not in FIGURES_OF_SPEECH, f"{path}: {name}"

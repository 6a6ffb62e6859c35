"""The page of the docs about a run's choices: `python -m ptb_lite.spec.docs` prints it."""

from __future__ import annotations

from ptb_lite.spec.choices import Choice, run_choices

_HEAD = """# The choices of a run

Keys of a preset and fields of `spec.json`; each has an option of `ptb-lite run` and a field in
Setup. This page is printed by `python -m ptb_lite.spec.docs`; a test compares it.

| Field | Option | Default | What it does |
| --- | --- | --- | --- |
"""


def choices_page() -> str:
    """The whole page, as Markdown."""
    return _HEAD + "".join(f"{_row(choice)}\n" for choice in run_choices())


def _row(choice: Choice) -> str:
    words = f" `{'`, `'.join(choice.words)}`." if choice.words else ""
    unit = f" In {choice.shown.unit}." if choice.shown.unit not in ("", "minutes") else ""
    text = f"{choice.help}{' ' if choice.detail else ''}{choice.detail}{unit}{words}"
    default = (
        "needed" if choice.required else "none" if choice.default is None else f"`{choice.default}`"
    )
    return f"| `{choice.name}` | `--{choice.option}` | {default} | {text} |"


if __name__ == "__main__":
    print(choices_page(), end="")

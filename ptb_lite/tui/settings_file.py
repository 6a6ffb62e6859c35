"""The content of `app.json` and of `setup.json`, and of a person's own `app.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from ptb_lite.events import Record


class Settings(Record):
    """How the app looks; `ascii` None: as the terminal's locale says."""

    version: Literal[1] = 1
    theme: str = "dark"
    ascii: bool | None = None


class LastChoices(Record):
    """What Setup had chosen when the app was left, as it was typed."""

    version: Literal[1] = 1
    preset: str | None = None
    benchmarks: tuple[str, ...] = ()
    typed: dict[str, str] = Field(default_factory=dict)


class OwnSettings(Record):
    """What a person wrote into `app.yaml`; unlike a record's, an unknown field is a mistake.

    `keys` gives other keys to actions by their names (SCREEN.ACTION: KEY, or KEYS with commas).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: dict[str, str] = Field(default_factory=dict)
    bell: bool = True
    """The terminal's bell and notification (OSC 9 or 777) when a run ends."""
    on_end: str = ""
    """A command of the shell for a run that ends: its id is in $PTB_LITE_RUN, what became of it in
    $PTB_LITE_WORDS."""

"""The content of `app.json` and of `setup.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ptb_lite.events import Record


class Settings(Record):
    """How the app looks; `ascii` None: as the terminal's locale says."""

    version: Literal[1] = 1
    theme: str = "dark"
    ascii: bool | None = None


class KeptChoices(Record):
    """What Setup had chosen when the app was left, as it was typed."""

    version: Literal[1] = 1
    preset: str | None = None
    benchmarks: tuple[str, ...] = ()
    typed: dict[str, str] = Field(default_factory=dict)

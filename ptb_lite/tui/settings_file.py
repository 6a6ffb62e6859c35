"""The content of `app.json`."""

from __future__ import annotations

from typing import Literal

from ptb_lite.events import Record


class Settings(Record):
    """How the app looks; `ascii` None: as the terminal's locale says."""

    version: Literal[1] = 1
    theme: str = "dark"
    ascii: bool | None = None

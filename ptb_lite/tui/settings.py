"""What the app remembers from one start to the next: how it looks, nothing else."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record
from ptb_lite.installation import state_root
from ptb_lite.runs.atomic import read_record, write_record

ThemeName = Literal["dark", "light", "high-contrast"]
THEME_VARIABLE = "PTB_LITE_THEME"
ASCII_VARIABLE = "PTB_LITE_ASCII"


class Settings(Record):
    """The content of `app.json`. `ascii` None: as the terminal's locale says."""

    version: Literal[1] = 1
    theme: ThemeName = "dark"
    ascii: bool | None = None


def settings_path() -> Path:
    return state_root() / "app.json"


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """What was remembered, overruled by PTB_LITE_THEME and PTB_LITE_ASCII; damage is ignored."""
    settings = Settings()
    with suppress(PtbLiteError, OSError):
        settings = read_record(settings_path(), Settings)
    chosen: dict[str, object] = {}
    if environ.get(THEME_VARIABLE) in ("dark", "light", "high-contrast"):
        chosen["theme"] = environ[THEME_VARIABLE]
    if environ.get(ASCII_VARIABLE):
        chosen["ascii"] = environ[ASCII_VARIABLE] != "0"
    return settings.model_copy(update=chosen)


def save_settings(settings: Settings) -> None:
    """Remember them; where that is not possible they hold for this time only."""
    with suppress(OSError):
        settings_path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_record(settings_path(), settings)


def is_ascii_terminal(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal's locale speaks no UTF-8."""
    named = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG")
    encoding = named if named and "." in named else locale.getpreferredencoding(False)
    return "utf" not in encoding.lower()

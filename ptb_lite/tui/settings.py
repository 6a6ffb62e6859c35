"""How the app looks, remembered from one start to the next."""

from __future__ import annotations

import locale
import os
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ptb_lite.errors import PtbLiteError
from ptb_lite.tui.themes import THEME_NAMES

if TYPE_CHECKING:
    from textual.binding import BindingType

    from ptb_lite.tui.settings_file import OwnSettings

THEME_VARIABLE = "PTB_LITE_THEME"
ASCII_VARIABLE = "PTB_LITE_ASCII"


@dataclass(frozen=True)
class Look:
    """`ascii` None: as the terminal's locale says."""

    theme: str = "dark"
    ascii: bool | None = None


def settings_path() -> Path:
    from ptb_lite.installation import state_root

    return state_root() / "app.json"


def load_look(environ: Mapping[str, str] = os.environ) -> Look:
    """What was remembered, overruled by PTB_LITE_THEME and PTB_LITE_ASCII; damage is ignored."""
    look = _remembered()
    theme, plain = environ.get(THEME_VARIABLE), environ.get(ASCII_VARIABLE)
    if theme in THEME_NAMES:
        look = replace(look, theme=theme)
    return replace(look, ascii=plain != "0") if plain else look


def save_look(look: Look) -> None:
    """Remember it; where that is not possible it holds for this time only."""
    from ptb_lite.files import write_record
    from ptb_lite.tui.settings_file import Settings

    with suppress(OSError):
        settings_path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_record(settings_path(), Settings(theme=look.theme, ascii=look.ascii))


def settings_file() -> Path:
    """A person's own `app.yaml`, beside their presets; most have none."""
    from ptb_lite.installation import config_root

    return config_root() / "app.yaml"


def own_settings(bindings: Iterable[BindingType]) -> tuple[OwnSettings, tuple[str, ...]]:
    """What stands in it, and what is wrong with its keys: those are left out.

    `bindings` are all that can be given other keys. Raises CatalogError with file and line.
    """
    from ptb_lite.catalog.yaml_file import read_yaml, validate_at
    from ptb_lite.tui.keys import key_problems
    from ptb_lite.tui.settings_file import OwnSettings

    file = read_yaml(settings_file())
    own = validate_at(OwnSettings, file.values, file, [])
    wrong = key_problems(own.keys, bindings)
    right = {name: key for name, key in own.keys.items() if name not in wrong}
    said = (
        f"{file.where(['keys', name])}: {name}: {wrong[name]}" for name in own.keys if name in wrong
    )
    return own.model_copy(update={"keys": right}), tuple(said)


def run_command(command: str, run_id: str, words: str) -> None:
    """A person's own command for a run that has ended; nobody waits for it. Raises OSError."""
    subprocess.Popen(
        ["/bin/sh", "-c", command],
        env={**os.environ, "PTB_LITE_RUN": run_id, "PTB_LITE_WORDS": words},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def is_ascii_terminal(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal's locale speaks no UTF-8."""
    asked = environ.get("LC_ALL") or environ.get("LANG") or ""
    # Python itself puts C.UTF-8 into LC_CTYPE where the locale is C (PEP 538).
    coerced = environ.get("LC_CTYPE") in (None, "", "C", "POSIX", "C.UTF-8")
    if asked in ("C", "POSIX") and coerced:
        return True
    named = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG")
    encoding = named if named and "." in named else locale.getpreferredencoding(False)
    return "utf" not in encoding.lower()


def _remembered() -> Look:
    path = settings_path()
    if not path.is_file():
        # The usual case, and then the first frame does not wait for what reads records.
        return Look()
    from ptb_lite.files import read_record
    from ptb_lite.tui.settings_file import Settings

    with suppress(PtbLiteError, OSError):
        found = read_record(path, Settings)
        return Look(found.theme if found.theme in THEME_NAMES else "dark", found.ascii)
    return Look()

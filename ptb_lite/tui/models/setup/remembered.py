"""The choices of Setup, kept from one start of the app to the next."""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from ptb_lite.tui.models.setup.choices import SetupChoices, typed_choices


def choices_path() -> Path:
    from ptb_lite.installation import state_root

    return state_root() / "setup.json"


def save_choices(choices: SetupChoices) -> None:
    """Keep them; where that is not possible the next start has the first preset's."""
    from ptb_lite.files import write_record
    from ptb_lite.tui.settings_file import LastChoices

    kept = LastChoices(
        preset=choices.preset, benchmarks=choices.benchmarks, typed=dict(choices.typed)
    )
    with suppress(OSError):
        choices_path().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_record(choices_path(), kept)


def load_choices(presets: Container[str]) -> SetupChoices | None:
    """What was kept; None where nothing was, or its preset is not there any more."""
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.files import read_record
    from ptb_lite.tui.settings_file import LastChoices

    with suppress(PtbLiteError, OSError):
        found = read_record(choices_path(), LastChoices)
        if found.preset is not None and found.preset not in presets:
            return None
        known = {each.name for each in typed_choices()}
        typed = {name: text for name, text in found.typed.items() if name in known}
        return SetupChoices(found.preset, found.benchmarks).but(**typed)
    return None

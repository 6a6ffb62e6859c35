"""Container engines on the machines that tests run on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from ptb_lite.sandbox import sandbox


def usable_podman(folder: Path) -> str | None:
    """The settings file with which podman works here; empty for its own, None where it does not."""
    box = sandbox("podman")
    if shutil.which("podman") is None:
        return None
    if box.problem() is None:
        return os.environ.get("CONTAINERS_CONF", "")
    # Podman's usual runtime refuses machines with control groups of both versions.
    settings = folder / "containers.conf"
    settings.write_text('[engine]\nruntime = "runc"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(settings))
        return str(settings) if box.problem() is None else None

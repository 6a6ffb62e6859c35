"""What belongs to this installation: its state folder, its secret, its package versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import secrets
from contextlib import suppress
from pathlib import Path

from ptb_lite.errors import SpecError

# Every package whose version can change a score.
_SCORING_PACKAGES = (
    "ptb-lite",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "lm-eval",
    "datasets",
    "accelerate",
    "peft",
    "trl",
    "bitsandbytes",
    "numpy",
)
_SALT = re.compile(r"[0-9a-f]{64}")


def state_root() -> Path:
    """Where ptb-lite keeps what outlives a run: $PTB_LITE_STATE or ~/.local/share/ptb-lite."""
    chosen = os.environ.get("PTB_LITE_STATE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".local" / "share" / "ptb-lite"


def item_salt() -> str:
    """This installation's secret: 64 hexadecimal digits, made once, readable by its owner only.

    Test items are drawn from it, so that an agent that holds the package cannot draw them
    again. Raises SpecError where the file cannot be made or holds something else.
    """
    path = state_root() / "item-salt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _create(path, secrets.token_hex(32))
        text = path.read_bytes()[:200].decode("ascii", "replace").strip()
    except OSError as error:
        raise SpecError(
            f"the installation's secret cannot be kept there ({error.strerror})",
            field=str(path),
            hint="Set PTB_LITE_STATE to a folder that you can write",
        ) from error
    if not _SALT.fullmatch(text):
        raise SpecError(
            "is not a secret of 64 hexadecimal digits",
            field=str(path),
            hint="Delete the file: a new one is made, and later runs draw other test items",
        )
    return text


def package_versions() -> dict[str, str]:
    """Version of Python and of every package that affects a score; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for name in _SCORING_PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _create(path: Path, text: str) -> None:
    # A link, not a rename: of two processes that start at once, the first one's secret stays.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)

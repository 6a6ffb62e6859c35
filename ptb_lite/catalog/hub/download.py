"""Fetching a model of the Hub: how far it is, in bytes, from where a killed download was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptb_lite.catalog.hub.errors import HubError, as_hub_error
from ptb_lite.catalog.hub.parts import finish_parts, hub_folder, part_bytes, remove_stale

OnBytes = Callable[[int, int], None]
"""Called with the bytes that are here and those of all files."""

# Weights as safetensors, configuration and tokenizer: no code, no pickles.
WANTED = (
    "*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)
_EVERY_SECONDS = 1.0
# What the client itself needs beside the files.
_SPARE_BYTES = 100_000_000


def download(name: str, commit: str, *, on_bytes: OnBytes | None = None) -> Path:
    """The snapshot of a commit in the Hub's cache. Raises HubError, also for want of room."""
    import huggingface_hub

    with as_hub_error(name):
        # Asked first: the sizes are what progress and the check of the disk go by.
        files = huggingface_hub.snapshot_download(
            name, revision=commit, allow_patterns=list(WANTED), dry_run=True, tqdm_class=_silent()
        )
        total = sum(file.file_size for file in files)
        missing = [file for file in files if file.will_download]
        wanted = sum(file.file_size for file in missing)
        here = min(wanted, part_bytes(name))
        _check_room(name, wanted - here)
        told = on_bytes or (lambda _done, _total: None)
        told(total - wanted, total)
        done = finish_parts(
            name,
            commit,
            missing,
            _bar(lambda n: told(min(total, total - wanted + here + n), total)),
        )
        remove_stale(name)
        wanted = sum(file.file_size for file in missing if file.filename not in done)
        found = huggingface_hub.snapshot_download(
            name,
            revision=commit,
            allow_patterns=list(WANTED),
            tqdm_class=_bar(lambda fetched: told(min(total, total - wanted + fetched), total)),
        )
        told(total, total)
    return Path(found)


def _check_room(name: str, wanted: int) -> None:
    import shutil

    from ptb_lite.files import existing_folder

    free = shutil.disk_usage(existing_folder(hub_folder())).free
    if free < wanted + _SPARE_BYTES:
        raise HubError(
            f"{free / 1e9:.1f} GB are free in {hub_folder()}, {wanted / 1e9:.1f} GB are needed "
            f"for {name}",
            field="model",
            hint="Free some room, or set HF_HOME to another disk",
        )


def _silent() -> type[Any]:
    return _bar(lambda _fetched: None)


def _bar(told: Callable[[int], None]) -> type[Any]:
    """A bar of tqdm's kind that draws nothing and tells the bytes that were written, at times."""
    from tqdm.auto import tqdm

    class Bytes(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **named: Any) -> None:
            # One bar counts files, and one of two counts what the network gave, before it is put
            # together: neither is what lies on the disk.
            self._counts = named.get("unit") == "B" and named.get("desc") != "Downloading bytes"
            self._bytes, self._last = 0, 0.0
            super().__init__(*args, **{**named, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            if self._counts:
                self._bytes += int(n or 0)
                if time.monotonic() - self._last >= _EVERY_SECONDS:
                    self._last = time.monotonic()
                    told(self._bytes)
            return None

    return Bytes

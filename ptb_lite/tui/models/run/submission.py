"""What a run would score if its agent were stopped now: names, sizes and times alone are read."""

from __future__ import annotations

import os
import re
import stat
import time
from itertools import islice
from pathlib import Path

from ptb_lite.runner.agent.submissions import ADAPTER_FILES
from ptb_lite.text import duration

SUBMISSION = "final_model"
_SIZE = re.compile(r"\(([\d.]+ MB), written (.+) ago\)")
_MAX_FILES = 100


def submitted_now(workspace: Path) -> str:
    """The same in two or three words, for a line that has room for no more."""
    words = would_be_scored(workspace)
    if words.startswith("NOTHING"):
        return "NOTHING YET"
    found = _SIZE.search(words)
    return f"{found[1]}, {found[2]} ago" if found else "INCOMPLETE"


def would_be_scored(workspace: Path, now: float | None = None) -> str:
    """One sentence; no link is followed. `now` is in seconds since the epoch."""
    folder = workspace / SUBMISSION
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise FileNotFoundError
        with os.scandir(folder) as entries:
            found = {
                entry.name: entry.stat(follow_symlinks=False)
                for entry in islice(entries, _MAX_FILES)
            }
    except OSError:
        found = {}
    if not found:
        return "NOTHING has been submitted yet: there would be no score."
    lacking = [name for name in ADAPTER_FILES if name not in found]
    if lacking:
        return f"{SUBMISSION}/ has no {' and no '.join(lacking)} yet: there would be no score."
    size = sum(each.st_size for each in found.values())
    age = (time.time() if now is None else now) - max(each.st_mtime for each in found.values())
    return (
        f"Scored would be the adapter in {SUBMISSION}/ "
        f"({size / 1e6:.1f} MB, written {duration(max(0.0, age))} ago)."
    )

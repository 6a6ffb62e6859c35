"""What a format's own checker says of a written folder, where there is one on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptb_lite.text import one_line

_SECONDS = 60


@dataclass(frozen=True)
class Check:
    """`by` is the checker, `why` what it said, or why it was not asked."""

    state: Literal["passed", "refused", "not checked"]
    by: str
    why: str = ""

    def words(self) -> str:
        return f"{self.state} by {self.by}" + (f": {self.why}" if self.why else "")


def ask_program(command: Sequence[str], folder: Path, *, unreachable: Sequence[str] = ()) -> Check:
    """Run a checker in `folder`. What it says about a missing service is no refusal."""
    name = Path(command[0]).name
    by = " ".join((name, *(each for each in command[1:] if each.startswith("-"))))
    if shutil.which(command[0]) is None:
        return Check("not checked", by, f"{name} is not on this machine")
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("not checked", by, one_line(str(error), 200))
    said = one_line(done.stderr or done.stdout, 300)
    if done.returncode == 0:
        return Check("passed", by)
    if any(each in said for each in unreachable):
        return Check("not checked", by, "its service does not answer here")
    return Check("refused", by, said)


def check_shell(*scripts: Path) -> Check:
    """Whether bash can parse scripts."""
    for script in scripts:
        found = ask_program(("bash", "-n", script.name), script.parent)
        if found.state != "passed":
            return found
    return Check("passed", "bash -n")

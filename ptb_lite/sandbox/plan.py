"""What every kind of isolation is asked for, and what it must be able to say."""

from __future__ import annotations

import site
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class SandboxPlan:
    """What the command may see.

    `workspace` is the only lasting place it may write, at the same path inside and outside.
    `read_only` paths appear at the same path too; a path that does not exist is left out.
    `environment` is complete: nothing else is inherited. It does not travel on the command line
    (every user of the machine may read those): start the wrapped command with
    `start(..., environment=plan.environment)`.
    """

    workspace: Path
    read_only: tuple[Path, ...]
    environment: Mapping[str, str]
    network: Literal["off", "full"] = "off"
    gpu: bool = False


class Sandbox(Protocol):
    """One kind of isolation."""

    name: str

    def problem(self) -> str | None:
        """Why it cannot be used on this machine, with the way out; None when it can."""

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:
        """The command line that runs `command` inside."""


def interpreter_paths() -> tuple[Path, ...]:
    """What a sandbox must show read-only for this Python and ptb_lite to run inside it.

    The base installation, the virtual environment and the package's own folder; never the folder
    above the package, which in a source checkout also holds other runs.
    """
    prefixes = (Path(sys.base_prefix), Path(sys.prefix), *map(Path, site.getsitepackages()))
    package = Path(__file__).resolve().parents[1]
    kept: list[Path] = []
    for path in (*(p.resolve() for p in prefixes), package):
        inside = any(path.is_relative_to(other) for other in (*kept, Path("/usr")))
        if path.exists() and not inside:
            kept.append(path)
    return tuple(kept)

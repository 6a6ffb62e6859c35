"""What a backend is told when an agent starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AgentStart:
    """`model` is the language model behind the scaffold, None where there is none."""

    workspace: Path
    prompt_file: Path
    model: str | None

"""No isolation, asked for by name: the command runs as the person who started the run.

It sees the person's files and network. Only the environment and the ending of its process tree
(`supervisor.py`) are as in a sandbox. Every report of such a run says so.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ptb_lite.sandbox.plan import SandboxPlan


class NoSandbox:
    name = "none"

    def problem(self) -> str | None:
        if sys.platform != "linux":
            return "runs need Linux (on Windows: WSL2), where a process tree can be ended surely"
        return None

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:  # noqa: ARG002
        return list(command)

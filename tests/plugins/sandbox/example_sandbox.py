"""A sandbox for ptb-lite that isolates nothing, and says so: the agent only yields the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence

from ptb_lite.sandbox import SandboxPlan
from ptb_lite.sandbox.none import NONE


class Nice:
    name = "nice"
    isolates = False
    """False wherever a command can read what the person can: reports say it, and a network that
    is to be cut off is refused."""
    holds_limits = False
    gains_privileges = False

    def problem(self) -> str | None:
        if shutil.which("nice") is None:
            return "the program nice is not installed; install the package coreutils"
        return NONE.problem()

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:
        return ["nice", "-n", "10", *NONE.wrap(command, plan)]

    def environment(self, plan: SandboxPlan) -> Mapping[str, str]:
        return NONE.environment(plan)

    def cleanup(self, plan: SandboxPlan) -> list[str]:
        return []


SANDBOX = Nice()

"""No isolation, asked for by name: the command runs as the person who started the run.

It sees the person's files and network. Only the environment and the ending of its process tree
(`supervisor.py`) are as in a sandbox. Every report of such a run says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from ptb_lite.sandbox.guide import guided, recorded
from ptb_lite.sandbox.plan import SandboxPlan

# As root it could write there: of that nothing is recorded.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")


class NoSandbox:
    name = "none"
    isolates = False
    holds_limits = False
    gains_privileges = False

    def problem(self) -> str | None:
        if sys.platform != "linux":
            return "runs need Linux (on Windows: WSL2), where a process tree can be ended surely"
        return None

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:
        relay = os.fspath(plan.relay.folder.absolute()) if plan.relay is not None else ""
        return recorded(guided(command, plan, relay=relay, own_users=False), plan, *_SYSTEM)

    def environment(self, plan: SandboxPlan) -> Mapping[str, str]:
        return plan.environment

    def cleanup(self, plan: SandboxPlan) -> list[str]:  # noqa: ARG002
        return []


NONE = NoSandbox()

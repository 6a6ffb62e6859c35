"""The command line of `inside.py`, which prepares the way for a command from within."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.sandbox.plan import SandboxPlan

PROGRAM = Path(__file__).with_name("inside.py")
RELAY_INSIDE = "/ptb-lite/relay"
"""Where a sandbox shows the relay's folder: short, and nothing else of the run beside it."""


def guided(
    command: Sequence[str],
    plan: SandboxPlan,
    *,
    relay: str = RELAY_INSIDE,
    own_users: bool = True,
    stay: bool = False,
) -> list[str]:
    """`command` behind `inside.py`; `command` itself when there is nothing to do for it.

    `relay` is where its folder lies for the command. `own_users`: the sandbox counts processes
    apart from the host's; only then is their number limited here (Linux 5.14 and later count so
    in user namespaces; root is never held to it).
    """
    if not plan.guided and not stay:
        return list(command)
    limits: dict[str, int] = {}
    if plan.limits.processes is not None and own_users and _counts_apart():
        limits["RLIMIT_NPROC"] = plan.limits.processes
    if plan.limits.file_bytes is not None:
        limits["RLIMIT_FSIZE"] = plan.limits.file_bytes
    settings = {
        "relay": relay if plan.relay is not None else "",
        "forwards": list(plan.relay.forwards) if plan.relay is not None else [],
        "limits": limits,
        "stay": stay,
    }
    return [sys.executable, "-I", "-S", os.fspath(PROGRAM), json.dumps(settings), *command]


def _counts_apart() -> bool:
    """Whether this kernel counts a user namespace's processes by themselves."""
    try:
        major, minor = os.uname().release.split(".")[:2]
        return (int(major), int(minor)) >= (5, 14)
    except ValueError:
        return False

"""The command line of `inside.py`, which prepares the way for a command from within."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.provenance import RECORDER, SHIM
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
    descriptors: bool = True,
) -> list[str]:
    """`command` behind `inside.py`; `command` itself when there is nothing to do for it.

    `relay` is where its folder lies for the command. `own_users`: the sandbox counts processes
    apart from the host's; only then is their number limited here (Linux 5.14 and later count so
    in user namespaces; root is never held to it). `descriptors`: open ones reach the command, so
    that it can be recorded (`recorded`).
    """
    if plan.record is not None and descriptors:
        command = [sys.executable, "-I", "-S", os.fspath(SHIM), *command]
    if not plan.guided and not stay:
        return list(command)
    settings = ["stay"] if stay else []
    if plan.wait:
        settings.append("wait")
    if plan.limits.processes is not None and own_users and _counts_apart():
        settings.append(f"limit=RLIMIT_NPROC={plan.limits.processes}")
    if plan.limits.file_bytes is not None:
        settings.append(f"limit=RLIMIT_FSIZE={plan.limits.file_bytes}")
    if plan.relay is not None:
        settings.append(f"relay={relay}")
        settings += [f"forward={here}={host}={port}" for here, host, port in plan.relay.forwards]
    return [sys.executable, "-I", "-S", os.fspath(PROGRAM), *settings, "--", *command]


def recorded(command: Sequence[str], plan: SandboxPlan, *quiet: str) -> list[str]:
    """`command`, which ends in one of `guided`, behind the recorder; itself where none is wished.
    `quiet` are further paths that nobody inside can change."""
    if plan.record is None:
        return list(command)
    unchanging = (*quiet, *map(os.fspath, plan.record.quiet))
    return [
        *(sys.executable, "-I", "-S", os.fspath(RECORDER)),
        f"folder={plan.record.folder.absolute()}",
        f"workspace={plan.workspace.absolute()}",
        *(f"quiet={path}" for path in dict.fromkeys(unchanging)),
        *("--", *command),
    ]


def _counts_apart() -> bool:
    """Whether this kernel counts a user namespace's processes by themselves."""
    try:
        major, minor = os.uname().release.split(".")[:2]
        return (int(major), int(minor)) >= (5, 14)
    except ValueError:
        return False

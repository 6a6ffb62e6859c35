"""Isolation of an agent's command, and the sure ending of its process tree."""

from __future__ import annotations

from ptb_lite import plugins
from ptb_lite.sandbox.bubblewrap import SANDBOX_HOME
from ptb_lite.sandbox.cgroup import Groups, make_groups
from ptb_lite.sandbox.inside import LEFT
from ptb_lite.sandbox.plan import (
    LimitPlan,
    RecordPlan,
    RelayPlan,
    Sandbox,
    SandboxPlan,
    SeparateProcesses,
    interpreter_paths,
)
from ptb_lite.sandbox.relay import Asked, Relay
from ptb_lite.sandbox.supervisor import Ended, Supervised, start

__all__ = [
    "LEFT",
    "SANDBOX_HOME",
    "Asked",
    "Ended",
    "Groups",
    "LimitPlan",
    "RecordPlan",
    "Relay",
    "RelayPlan",
    "Sandbox",
    "SandboxPlan",
    "SeparateProcesses",
    "Supervised",
    "interpreter_paths",
    "make_groups",
    "sandbox",
    "start",
]


def sandbox(name: str) -> Sandbox:
    """The isolation of that name, a plugin of the group `ptb_lite.sandboxes`.

    Raises PluginError (field `sandbox`) for a name that is not one of them, or is broken.
    """
    found: Sandbox = plugins.find("sandboxes", name, Sandbox, field="sandbox").value
    return found

"""Isolation of an agent's command, and the sure ending of its process tree."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ptb_lite.errors import PtbLiteError
from ptb_lite.sandbox.bubblewrap import SANDBOX_HOME, Bubblewrap
from ptb_lite.sandbox.cgroup import Groups, make_groups
from ptb_lite.sandbox.container import Container
from ptb_lite.sandbox.none import NoSandbox
from ptb_lite.sandbox.plan import (
    HUB_INSIDE,
    LimitPlan,
    RelayPlan,
    Sandbox,
    SandboxPlan,
    interpreter_paths,
)
from ptb_lite.sandbox.relay import Asked, Relay
from ptb_lite.sandbox.supervisor import Ended, Supervised, start

SANDBOXES: Mapping[str, Sandbox] = MappingProxyType(
    {
        "bubblewrap": Bubblewrap(),
        "podman": Container("podman"),
        "docker": Container("docker"),
        "none": NoSandbox(),
    }
)

__all__ = [
    "HUB_INSIDE",
    "SANDBOXES",
    "SANDBOX_HOME",
    "Asked",
    "Ended",
    "Groups",
    "LimitPlan",
    "Relay",
    "RelayPlan",
    "Sandbox",
    "SandboxPlan",
    "Supervised",
    "interpreter_paths",
    "make_groups",
    "sandbox",
    "start",
]


def sandbox(name: str) -> Sandbox:
    """The isolation of that name.

    Raises PtbLiteError (field `sandbox`) for a name that is not one of `SANDBOXES`.
    """
    found = SANDBOXES.get(name)
    if found is None:
        raise PtbLiteError(
            f"unknown sandbox {name!r}",
            field="sandbox",
            hint=f"Choose one of: {', '.join(SANDBOXES)}",
        )
    return found

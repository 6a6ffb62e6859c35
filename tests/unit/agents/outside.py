# ruff: noqa: ARG002
"""An agent and a sandbox as another package would bring them."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ptb_lite.agents.command import CommandBackend
from ptb_lite.agents.protocol import AgentPlan, Readiness
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.sandbox.none import NoSandbox


class EchoPlugin:
    entry: AgentEntry | None = AgentEntry(
        id="echo", title="Echo", backend="echo", needs_account=False, needs_network=False
    )
    session_files = ("echo/",)
    program_files: tuple[str, ...] = ()

    def plan(self, entry: AgentEntry, start: AgentStart, environ: Mapping[str, str]) -> AgentPlan:
        return AgentPlan(CommandBackend([sys.executable, "-c", "print(1)"]), start)

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
        return Readiness(entry.id, True, True, "echoes")


class Failing(EchoPlugin):
    entry = AgentEntry(
        id="failing",
        title="Failing",
        backend="failing",
        needs_account=False,
        needs_network=False,
        program="x",
        install="y",
    )

    def plan(self, entry: AgentEntry, start: AgentStart, environ: Mapping[str, str]) -> AgentPlan:
        raise RuntimeError("no luck")

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
        raise ValueError("no luck")


class Impostor(EchoPlugin):
    """Brings an entry under another's name."""

    entry = EchoPlugin.entry and EchoPlugin.entry.model_copy(update={"id": "recipe"})


class OutsideSandbox(NoSandbox):
    name = "outside"


ECHO = EchoPlugin()
FAILING = Failing()
IMPOSTOR = Impostor()
SANDBOX = OutsideSandbox()

"""Plugins that are broken, each in another way."""

from __future__ import annotations

from typing import Any

from ptb_lite.agents.protocol import Readiness
from ptb_lite.catalog.entries import AgentEntry

NUMBER = 7


class Agent:
    session_files: tuple[str, ...] = ()
    program_files: tuple[str, ...] = ()

    def __init__(self, entry: Any) -> None:
        self.entry = entry

    def plan(self, *_: Any) -> None:
        raise RuntimeError("no plan today")

    def readiness(self, *_: Any) -> Readiness:
        raise RuntimeError("not to be asked")


class Box:
    name = "box-raises"
    isolates = holds_limits = gains_privileges = False

    def problem(self, *_: Any) -> Any:
        raise RuntimeError("the box is shut")

    wrap = environment = cleanup = problem


class Factory:
    def make(self, settings: object) -> None:
        raise RuntimeError("makes nothing")


WRONG_ENTRY = Agent({"id": "wrong-entry"})
RAISES = Agent(
    AgentEntry(
        id="raises-later",
        title="Raises when it is asked anything",
        backend="raises-later",
        needs_account=False,
        needs_network=False,
        program="true",
        install="nothing",
    )
)
BOX, LAUNCHER = Box(), Factory()

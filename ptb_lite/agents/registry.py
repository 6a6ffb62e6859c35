"""The agents that are installed, by the name of their plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ptb_lite.agents.protocol import AgentPlan, AgentPlugin, Readiness
from ptb_lite.agents.start import HOME, AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.plugins import PluginError, find, named_when_raising


def agent_plugin(backend: str) -> AgentPlugin:
    """The plugin of that name; raises PluginError where there is none, or it is broken."""
    plugin: AgentPlugin = find("agents", backend, AgentPlugin).value
    return plugin


def plan_agent(entry: AgentEntry, *, workspace: Path, model: str | None) -> AgentPlan:
    """How to start an entry of the catalogue in one workspace, on this machine.

    Raises PtbLiteError when what the backend needs of this machine is missing.
    """
    start = AgentStart(workspace=workspace, prompt_file=workspace / "prompt.md", model=model)
    plugin = agent_plugin(entry.backend)
    with named_when_raising("agents", entry.backend):
        return plugin.plan(entry, start, os.environ)


def check_agent(entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
    """Looks at this machine alone: nothing is sent, and no key is tried."""
    try:
        plugin = agent_plugin(entry.backend)
        with named_when_raising("agents", entry.backend):
            return plugin.readiness(entry, environ)
    except PluginError as error:
        return Readiness(entry.id, True, False, error.message, error.hint)


def check_agents(
    entries: Mapping[str, AgentEntry], environ: Mapping[str, str]
) -> Iterator[Readiness]:
    """One finding for each entry that needs a program to be installed."""
    for entry in entries.values():
        if entry.program:
            yield check_agent(entry, environ)


def is_program_file(backend: str, path: str) -> bool:
    """Whether a file of the workspace, relative to it, lies where a program puts its own."""
    plugin = _plugin(backend)
    return plugin is not None and _in_home(path, plugin.program_files)


def is_session_file(backend: str, path: str) -> bool:
    """Whether a file of the workspace, relative to it, is a backend's own record of a session."""
    plugin = _plugin(backend)
    return plugin is not None and _in_home(path, plugin.session_files)


def _plugin(backend: str) -> AgentPlugin | None:
    """None where it is not installed: somebody else's run may be audited here."""
    try:
        return agent_plugin(backend)
    except PluginError:
        return None


def _in_home(path: str, places: tuple[str, ...]) -> bool:
    return any(path.startswith(f"{HOME}/{place}") for place in places)

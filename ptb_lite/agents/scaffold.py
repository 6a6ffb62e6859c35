"""Plugins of programs that are installed on this machine by somebody else: what all share.

A run gets the program, one key or the login that the program itself keeps, and the address of a
server of one's own if there is one; of the host's environment nothing else goes on.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ptb_lite.agents.endpoints import Address, address_of
from ptb_lite.agents.program import Program, find_program
from ptb_lite.agents.protocol import AgentPlan, Readiness, ResumableBackend
from ptb_lite.agents.secrets.logins import Wanted, find_login
from ptb_lite.agents.start import AgentStart, Key
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.catalog.prices import Price, load_prices, price_of
from ptb_lite.errors import PtbLiteError

# On a loaded machine Gemini CLI needs half a minute to say it.
_VERSION_SECONDS = 60.0
_MAX_VERSION = 100
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True)
class Scaffold:
    """One program. Where key, login and host depend on the provider, a subclass says so."""

    entry: AgentEntry
    backend: Callable[[], ResumableBackend]
    login: tuple[Wanted, ...] = ()
    """The files that sign its program in, the login itself first."""
    session_files: tuple[str, ...] = ()
    program_files: tuple[str, ...] = ()
    tells_cost: bool = False
    """Its program says what a turn cost."""
    model: str = ""
    """The model that its program takes where a run names none; empty: it is not known."""

    def key_variables(self, entry: AgentEntry, model: str | None) -> tuple[str, ...]:  # noqa: ARG002
        """The variables that may hold the key, best first."""
        return entry.keys

    def hosts(self, entry: AgentEntry, model: str | None) -> tuple[str, ...]:  # noqa: ARG002
        """The hosts of the model by itself."""
        return (entry.endpoint,) if entry.endpoint else ()

    def wanted_login(self, model: str | None) -> tuple[Wanted, ...]:  # noqa: ARG002
        """The files of the login that a model needs; of any model for None."""
        return self.login

    def plan(self, entry: AgentEntry, start: AgentStart, environ: Mapping[str, str]) -> AgentPlan:
        """Raises PtbLiteError when the program, or key and login, are missing."""
        program = find_program(entry.program)
        if program is None:
            raise PtbLiteError(
                f"the program '{entry.program}' is not installed",
                field="agent",
                hint=f"Install it with: {entry.install}",
            )
        endpoint = environ.get(entry.endpoint_variable or "") or None
        variables = self.key_variables(entry, start.model)
        key = find_key(variables, environ)
        login = find_login(self.wanted_login(start.model), Path.home())
        if key is None and (login is None or endpoint is not None):
            # A login is for the program's own host: a server of one's own is not shown it.
            raise PtbLiteError(
                f"agent '{entry.id}' has no key",
                field="agent",
                hint=f"Set {' or '.join(variables)}, or sign in with `{entry.program}` itself",
            )
        found = replace(
            start,
            program=str(program.path),
            endpoint=endpoint,
            key=key,
            login=login if key is None else None,
        )
        return AgentPlan(
            self.backend(),
            found,
            read_only=program.read_only,
            folders=program.folders,
            endpoints=self._endpoints(entry, found),
            prompt_on_stdin=True,
            price=self._price(start.model),
        )

    def _endpoints(self, entry: AgentEntry, start: AgentStart) -> tuple[Address, ...]:
        """A server of one's own takes the place of the program's own host; a login needs the hosts
        of the login beside it."""
        if start.endpoint is not None:
            return (address_of(start.endpoint),)
        signing_in = entry.login_endpoints if start.login is not None else ()
        hosts = (*self.hosts(entry, start.model), *signing_in)
        return tuple(dict.fromkeys(map(address_of, hosts)))

    def _price(self, model: str | None) -> Price | None:
        """None where its program says itself what it costs, or the model is not known."""
        return None if self.tells_cost else price_of(model or self.model, load_prices())

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
        """The program is asked for its version."""
        program = find_program(entry.program)
        if program is None:
            fix = f"To use it: {entry.install}"
            return Readiness(entry.id, False, False, f"{entry.program} is not installed", fix)
        version = program_version(program)
        if version is None:
            message = f"{program.path} does not tell its version"
            return Readiness(entry.id, True, False, message, f"Install it again: {entry.install}")
        untested = self._untested(entry, version)
        key = find_key(entry.keys, environ)
        if key is not None:
            message = f"{version}, key in {key.variable}"
            return Readiness(entry.id, True, True, message, untested=untested)
        login = find_login(self.wanted_login(None), Path.home())
        if login is not None:
            message = f"{version}, signed in by subscription ({login.source})"
            return Readiness(entry.id, True, True, message, untested=untested)
        fix = f"Set {' or '.join(entry.keys)}, or sign in with `{entry.program}` itself"
        message = f"{version}; no key is set and no login is there"
        return Readiness(entry.id, True, False, message, fix, untested)

    def _untested(self, entry: AgentEntry, version: str) -> str:
        tested = _NUMBER.search(self.entry.install)
        found = _NUMBER.search(version)
        if tested is None or (found is not None and found[0] == tested[0]):
            return ""
        # What else it says may be anything; a number is no secret.
        number = found[0] if found is not None else "without a version"
        return f"{entry.program} {number} was not tested, {tested[0]} was"


def find_key(variables: tuple[str, ...], environ: Mapping[str, str]) -> Key | None:
    """The first variable that is set, with its value."""
    for variable in variables:
        if value := environ.get(variable, "").strip():
            return Key(variable, value)
    return None


def program_version(program: Program) -> str | None:
    """The first line of what it says to --version, asked with an empty home; None for nothing."""
    folders = [*program.folders, Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        try:
            done = subprocess.run(
                [program.path, "--version"],
                env={"PATH": os.pathsep.join(map(str, folders)), "HOME": home},
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERSION_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    said = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return said[0][:_MAX_VERSION] if done.returncode == 0 and said else None

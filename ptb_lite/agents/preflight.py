"""Whether a scaffold of the catalogue can be used here: installed, which version, with a key."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.agents.logins import find_login, login_paths
from ptb_lite.agents.program import Program, find_program
from ptb_lite.agents.scaffold import find_key
from ptb_lite.catalog.entries import SCAFFOLD_BACKENDS, AgentEntry

_VERSION_SECONDS = 20.0
_MAX_VERSION = 100


@dataclass(frozen=True)
class Readiness:
    """`ready` says that a run can be started; `fix` what to do where it cannot."""

    agent: str
    installed: bool
    ready: bool
    message: str
    fix: str = ""


def check_agents(
    entries: Mapping[str, AgentEntry], environ: Mapping[str, str]
) -> Iterator[Readiness]:
    """One finding for each scaffold among the entries; their programs are asked for a version."""
    for entry in entries.values():
        if entry.backend in SCAFFOLD_BACKENDS:
            yield check_agent(entry, environ)


def check_agent(entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
    """Looks at this machine alone: nothing is sent, and no key is tried."""
    program = find_program(entry.program)
    if program is None:
        fix = f"To use it: {entry.install}"
        return Readiness(entry.id, False, False, f"{entry.program} is not installed", fix)
    version = program_version(program)
    if version is None:
        message = f"{program.path} does not tell its version"
        return Readiness(entry.id, True, False, message, f"Install it again: {entry.install}")
    key = find_key(entry.keys, environ)
    if key is not None:
        return Readiness(entry.id, True, True, f"{version}, key in {key.variable}")
    login = _login(entry.backend)
    if login is not None:
        return Readiness(entry.id, True, True, f"{version}, signed in by subscription ({login})")
    fix = f"Set {' or '.join(entry.keys)}, or sign in with `{entry.program}` itself"
    return Readiness(entry.id, True, False, f"{version}; no key is set and no login is there", fix)


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


def _login(backend: str) -> Path | None:
    """The file of the program's own login, for opencode that of any provider."""
    home = Path.home()
    if backend == "opencode":
        path = home / login_paths(backend)[0]
        return path if path.is_file() else None
    found = find_login(backend, home)
    return found.source if found is not None else None

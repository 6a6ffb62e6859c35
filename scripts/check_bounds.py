"""Refuses a lower bound of pyproject.toml that is lower than the version tested.

scripts/check_bounds.py LOWEST [REPLACED...]: LOWEST is what `uv pip compile --resolution
lowest-direct` wrote, REPLACED the requirements that were put in place of a bound. Another package's
bound may keep ours from being reached, and then nobody has tested it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

EXTRAS = ("run", "embedded", "slurm", "serve")


def untested(pyproject: str, lowest: str, replaced: Iterable[str]) -> list[str]:
    """One line for each bound that is lower than what was resolved, naming both."""
    installed = {canonicalize_name(r.name): _oldest(r) for r in _read(lowest.splitlines())}
    exempt = {canonicalize_name(r.name) for r in _read(replaced)}
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    bounds = _read([*project["dependencies"], *(text for e in EXTRAS for text in extras[e])])
    return [
        f"{bound} is tested from {installed[name]} on"
        for bound in bounds
        if bound.specifier
        and (name := canonicalize_name(bound.name)) not in exempt
        and installed[name] != _oldest(bound)
    ]


def _read(lines: Iterable[str]) -> list[Requirement]:
    return [Requirement(line) for line in lines if re.match(r"[A-Za-z]", line)]


def _oldest(requirement: Requirement) -> Version:
    return next(Version(s.version) for s in requirement.specifier if s.operator in {"==", ">="})


if __name__ == "__main__":
    lines = untested(
        Path("pyproject.toml").read_text(), Path(sys.argv[1]).read_text(), sys.argv[2:]
    )
    sys.exit("\n".join(f"pyproject.toml: {line}" for line in lines) or None)

"""Where vLLM is installed: in this environment, or in one of its own. Nothing heavy is imported.

vLLM pins versions of torch and transformers that differ from ours (vLLM 0.32 takes transformers
below 5.20, this package 5.23 or later), so that pip cannot put both into one environment;
`scripts/setup-vllm` makes the other one. The evaluation is a process of its own anyway: it is
started with that environment's Python.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.events import Record
from ptb_lite.installation import checkout

VARIABLE = "PTB_LITE_VLLM"
INSTALL = (
    "scripts/setup-vllm"
    if checkout()
    else f"python3 -m venv {cache_root() / 'vllm'} && "
    f"{cache_root() / 'vllm'}/bin/pip install vllm lm-eval peft datasets"
)
"""The command that makes the environment."""
NOT_INSTALLED = "vLLM is not installed"
# What a score of that environment depends on.
PACKAGES = ("vllm", "torch", "transformers", "tokenizers", "lm-eval", "peft", "datasets")
_PROBE_SECONDS = 60.0
# Printed by the other environment's Python: metadata only, vLLM itself is not imported.
_PROBE = """
import importlib.metadata as m, json, platform, sys
def version(name):
    try:
        return m.version(name)
    except m.PackageNotFoundError:
        return None
found = {name: version(name) for name in sys.argv[1:]}
print(json.dumps({"python": platform.python_version(), "packages": found}))
"""


class _Probe(Record):
    python: str
    packages: dict[str, str | None] = Field(max_length=20)


@dataclass(frozen=True)
class Vllm:
    """An installation: its environment's Python (None: this one), what its versions are, and what
    it computes on."""

    packages: dict[str, str]
    python: Path | None
    device: Literal["cpu", "cuda"]

    @property
    def version(self) -> str:
        return self.packages["vllm"]


@dataclass(frozen=True)
class Missing:
    """No usable installation; `reason` is half a sentence about it."""

    reason: str


def find_vllm() -> Vllm | Missing:
    """The environment that $PTB_LITE_VLLM names, else this one, else the one of setup-vllm.

    One that is named and cannot be used is not replaced by another.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return _probed(_python(Path(named).expanduser()), f"{VARIABLE} names {named}, where")
    if _version("vllm") is not None:
        return _usable({name: _version(name) for name in PACKAGES}, platform.python_version(), None)
    own = own_place()
    if own.is_dir():
        return _probed(_python(own), f"in {own}")
    return Missing(NOT_INSTALLED)


def own_place() -> Path:
    """The environment that `scripts/setup-vllm` makes."""
    return cache_root() / "vllm"


def _python(environment: Path) -> Path:
    # Not resolved: that the link is followed from its own folder makes it a virtual environment.
    return environment.absolute() / "bin" / "python"


@lru_cache(maxsize=8)
def _probed(python: Path, where: str) -> Vllm | Missing:
    command = [str(python), "-I", "-c", _PROBE, *PACKAGES]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
        found = _Probe.model_validate_json(done.stdout)
    except (OSError, subprocess.SubprocessError, ValidationError):
        return Missing(f"{where} there is no Python that works")
    usable = _usable(found.packages, found.python, python)
    return Missing(f"{where} {usable.reason}") if isinstance(usable, Missing) else usable


def _usable(
    packages: Mapping[str, str | None], python_version: str, python: Path | None
) -> Vllm | Missing:
    absent = [name for name in PACKAGES if packages.get(name) is None]
    if absent:
        return Missing(f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing")
    if tuple(int(part) for part in python_version.split(".")[:2]) < (3, 11):
        return Missing(f"Python is {python_version}, needed is 3.11")
    versions = {name: version for name, version in packages.items() if version}
    device: Literal["cpu", "cuda"] = "cpu" if "+cpu" in versions["vllm"] else "cuda"
    return Vllm({**versions, "python": python_version}, python, device)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

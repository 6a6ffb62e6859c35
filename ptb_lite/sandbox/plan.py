"""What every kind of isolation is asked for, and what it must be able to say."""

from __future__ import annotations

import site
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class RelayPlan:
    """The way to the relay on the host: the folder that holds its socket, `relay.sock`.

    `forwards` are ports of the sandbox's own loopback (first) that lead to a host and port.
    """

    folder: Path
    forwards: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True)
class LimitPlan:
    """What every process inside is held to by itself, None for no limit.

    `processes` counts all processes and threads of the sandbox, `file_bytes` is the size of a
    single file, `memory_bytes` all memory of the sandbox where a container engine enforces it.
    """

    processes: int | None = None
    file_bytes: int | None = None
    memory_bytes: int | None = None


@dataclass(frozen=True)
class RecordPlan:
    """That it is recorded which process does what to which file, into `folder` (see
    `ptb_lite.provenance`). Of `quiet` paths, which nobody inside can change, nothing is recorded.

    Sandboxes whose commands keep open descriptors do it; the others leave no record.
    """

    folder: Path
    quiet: tuple[Path, ...] = ()


@dataclass(frozen=True)
class SandboxPlan:
    """What the command may see.

    `workspace` is the only lasting place it may write, at the same path inside and outside.
    `read_only` paths appear at the same path too; a path that does not exist is left out.
    `environment` is complete: nothing else is inherited. It does not travel on the command line
    (every user of the machine may read those): start the wrapped command with
    `start(..., environment=box.environment(plan))`.

    `network` is full for the host's network, off for none, and model-only for none but the
    `relay`. With a relay, HTTP_PROXY and its like are set inside. With a relay or with limits,
    the interpreter must be among what is shown (`interpreter_paths`). `wait`: it ends only when
    all that the command has left running has ended, too.
    """

    workspace: Path
    read_only: tuple[Path, ...]
    environment: Mapping[str, str]
    network: Literal["off", "model-only", "hub", "full"] = "off"
    gpu: bool = False
    gpu_nodes: tuple[Path, ...] | None = None
    """The device files of the run's own GPUs; None: those of every GPU."""
    relay: RelayPlan | None = None
    limits: LimitPlan = LimitPlan()
    wait: bool = False
    record: RecordPlan | None = None

    @property
    def guided(self) -> bool:
        """Whether `inside.py` has something to do before the command starts."""
        return self.relay is not None or self.limits != LimitPlan() or self.wait


@runtime_checkable
class Sandbox(Protocol):
    """One kind of isolation: what a plugin of the group `ptb_lite.sandboxes` is."""

    name: str
    isolates: bool
    """Whether a command inside sees less than the person who started the run."""
    holds_limits: bool
    """Whether it holds memory and number of processes to the plan's limits itself."""
    gains_privileges: bool
    """Whether its own program may have to gain privileges (setuid) to make the isolation."""

    def problem(self) -> str | None:
        """Why it cannot be used on this machine, with the way out; None when it can."""

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:
        """The command line that runs `command` inside."""

    def environment(self, plan: SandboxPlan) -> Mapping[str, str]:
        """The complete environment to start the wrapped command with."""

    def cleanup(self, plan: SandboxPlan) -> list[str]:
        """The command that ends what is no child of the wrapped command; empty for nothing."""


@runtime_checkable
class SeparateProcesses(Protocol):
    """A sandbox whose processes need not descend from the wrapped command."""

    def first_process(self, plan: SandboxPlan) -> int | None:
        """The first process inside, as this machine numbers it, which all others descend from; None
        while there is none, or none that can be seen from here."""


def interpreter_paths() -> tuple[Path, ...]:
    """What a sandbox must show read-only for this Python and ptb_lite to run inside it.

    The base installation, the virtual environment and the package's own folder; never the folder
    above the package, which in a source checkout also holds other runs.
    """
    prefixes = (Path(sys.base_prefix), Path(sys.prefix), *map(Path, site.getsitepackages()))
    package = Path(__file__).resolve().parents[1]
    kept: list[Path] = []
    for path in (*(p.resolve() for p in prefixes), package):
        inside = any(path.is_relative_to(other) for other in (*kept, Path("/usr")))
        if path.exists() and not inside:
            kept.append(path)
    return tuple(kept)


def gpu_files(plan: SandboxPlan) -> tuple[Path, ...]:
    """The device files that a plan with a GPU shows; those of WSL2 among them."""
    nodes = plan.gpu_nodes
    if nodes is None:
        nodes = tuple(sorted(Path("/dev").glob("nvidia*")))
    return (*nodes, Path("/dev/dxg"))

"""Isolation by podman or docker, when chosen: an empty image, and this machine's system read-only.

Inside, a command finds what it finds under bubblewrap. No image is fetched: the empty one is made
here, once. The engine's own limits of memory and processes are used.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ptb_lite.sandbox.bubblewrap import ETC_NAMES, SANDBOX_HOME, SYSTEM_FOLDERS
from ptb_lite.sandbox.guide import PROGRAM, RELAY_INSIDE, guided
from ptb_lite.sandbox.inside import PACKED
from ptb_lite.sandbox.plan import SandboxPlan, gpu_files, interpreter_paths

IMAGE = "ptb-lite-empty"
_PROBE_SECONDS = 30.0
_MOST = 32768
_ELSEWHERE = (
    "its containers do not see this machine's files: they run in a virtual machine "
    "or on another host"
)
# What the engine's own client needs of the environment; none of it enters the container.
_CLIENT_VARIABLES = (
    *("PATH", "HOME", "USER", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("DBUS_SESSION_BUS_ADDRESS", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "TMPDIR"),
)


class Container:
    """One container engine: `name` is its program."""

    isolates = True
    holds_limits = True
    gains_privileges = True

    def __init__(self, name: str) -> None:
        self.name = name

    def problem(self) -> str | None:
        """Makes the empty image where there is none yet, and really starts a container."""
        if sys.platform != "linux":
            return f"{self.name} is used on Linux only (on Windows: WSL2)"
        other = "or choose --sandbox bubblewrap"
        if shutil.which(self.name) is None:
            return f"the program {self.name} is not installed; install it, {other}"
        failure = self._image() or self._probe()
        if failure is None:
            return None
        return f"{self.name} cannot start a container here ({failure}); mend that, {other}"

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:
        workspace = os.fspath(plan.workspace.absolute())
        network = "host" if plan.network == "full" else "none"
        arguments = [*self._run(network), "--interactive", "--name", container_name(plan)]
        for option in _mounts(plan):
            arguments += option
        if plan.limits.processes is not None:
            arguments += ["--pids-limit", str(plan.limits.processes)]
        if plan.limits.memory_bytes is not None:
            arguments += ["--memory", str(plan.limits.memory_bytes)]
        # The names of variables are seen by every user of the machine, their values are not.
        arguments += ["--env", PACKED, "--workdir", workspace, "--entrypoint", "", IMAGE]
        return [*arguments, *guided(command, plan, own_users=False, stay=True, descriptors=False)]

    def environment(self, plan: SandboxPlan) -> Mapping[str, str]:
        """The client's own variables; the agent's go packed into the container."""
        own = {name: os.environ[name] for name in _CLIENT_VARIABLES if name in os.environ}
        inside = {"HOME": SANDBOX_HOME, **plan.environment}
        return {**own, PACKED: json.dumps(inside)}

    def cleanup(self, plan: SandboxPlan) -> list[str]:
        """The engine's service may hold the container: it is no child of the client."""
        return [self._program(), "rm", "--force", container_name(plan)]

    def first_process(self, plan: SandboxPlan) -> int | None:
        """As the engine says it. One in a virtual machine numbers processes that are not this
        machine's: None."""
        form = ("--format", "{{.State.Pid}}", container_name(plan))
        said = _answer([self._program(), "container", "inspect", *form])
        if not isinstance(said, bytes) or not said.strip().isdigit() or int(said) == 0:
            return None
        pid = int(said)
        with suppress(OSError):
            if os.fsencode(PROGRAM) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        return None

    def _program(self) -> str:
        return shutil.which(self.name) or self.name

    def _run(self, network: str) -> list[str]:
        # Without root, the person must stay who they are to write in the workspace.
        users = ["--userns", "keep-id"] if self.name == "podman" and os.getuid() else []
        return [
            *(self._program(), "run", "--rm", "--read-only", "--network", network, *users),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--ipc", "private", "--hostname", "sandbox", "--log-driver", "none"),
            *("--user", f"{os.getuid()}:{os.getgid()}", *self._limits()),
        ]

    def _limits(self) -> list[str]:
        """Limits that an engine without privileges may set: none above its own."""
        found = []
        for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
            _, hard = resource.getrlimit(number)
            value = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
            found += ["--ulimit", f"{name}={value}:{value}"]
        return found

    def _image(self) -> str | None:
        """None when the empty image is there, made now if it was not; else what went wrong."""
        if _said([self._program(), "image", "inspect", IMAGE]) is None:
            return None
        # A tar archive of nothing is 1024 zero bytes.
        return _said([self._program(), "import", "-", IMAGE], sent=bytes(1024))

    def _probe(self) -> str | None:
        """A container must read a file of this machine, as it must the workspace."""
        token = secrets.token_hex(16)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "token"
            file.write_text(token)
            Path(folder).chmod(0o755)
            options = (*_system_mounts(), _bind(Path(folder), Path(folder), "ro"))
            mounts = [part for option in options for part in option]
            # An engine of another host makes an empty folder where it finds none.
            script = f"cat {file} 2>/dev/null || true"
            command = [*mounts, "--entrypoint", "", IMAGE, "/usr/bin/sh", "-c", script]
            answer = _answer([*self._run("none"), *command])
        if isinstance(answer, str):
            return _ELSEWHERE if folder in answer else answer
        return None if answer.decode("utf-8", "replace").strip() == token else _ELSEWHERE


PODMAN = Container("podman")
DOCKER = Container("docker")


def container_name(plan: SandboxPlan) -> str:
    """One name for one workspace, so that what was left of it can be found."""
    place = os.fspath(plan.workspace.absolute()).encode()
    return f"ptb-lite-{hashlib.sha256(place).hexdigest()[:16]}"


def _mounts(plan: SandboxPlan) -> Iterator[list[str]]:
    yield from _system_mounts()
    home = Path(plan.environment.get("HOME", SANDBOX_HOME))
    size = f",size={plan.limits.memory_bytes // 2}" if plan.limits.memory_bytes else ""
    folders = ["/tmp", "/var/tmp"]
    if not home.is_relative_to(plan.workspace.absolute()):
        folders.append(os.fspath(home))
    for folder in folders:
        yield ["--tmpfs", f"{folder}:rw,exec,mode=1777{size}"]
    shown = {path.absolute(): path.resolve() for path in (*plan.read_only, *interpreter_paths())}
    for path, source in sorted(shown.items()):
        if source.exists():
            yield _bind(source, path, "ro")
    yield _bind(PROGRAM, PROGRAM, "ro")
    if plan.relay is not None:
        yield _bind(plan.relay.folder.resolve(), Path(RELAY_INSIDE), "ro")
    yield _bind(plan.workspace.resolve(), plan.workspace.absolute(), "rw")
    if plan.gpu:
        for node in gpu_files(plan):
            if node.is_char_device():
                yield ["--device", os.fspath(node)]
        yield _bind(Path("/sys"), Path("/sys"), "ro")


def _system_mounts() -> Iterator[list[str]]:
    for path in map(Path, SYSTEM_FOLDERS):
        if path.is_dir():
            yield _bind(path.resolve(), path, "ro")
    for name in ETC_NAMES:
        path = Path("/etc") / name
        # The engine makes its own.
        if path.exists() and name not in ("hosts", "resolv.conf"):
            yield _bind(path.resolve(), path, "ro")


def _bind(source: Path, place: Path, mode: str) -> list[str]:
    return ["--volume", f"{source}:{place}:{mode}"]


def _said(command: Sequence[str], sent: bytes = b"") -> str | None:
    """None when the command succeeds, else the last line of what it said."""
    answer = _answer(command, sent)
    return answer if isinstance(answer, str) else None


def _answer(command: Sequence[str], sent: bytes = b"") -> bytes | str:
    """What a command that succeeds printed, as bytes; else the last line of its errors, as text."""
    try:
        done = subprocess.run(
            command, input=sent, capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)[:200]
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return said[-1][:200] if said else f"exit code {done.returncode}"

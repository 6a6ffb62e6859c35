"""Isolation by bubblewrap: namespaces of its own, a read-only system, one writable folder.

Inside, a command finds: /usr and the library folders, a short list of /etc (names, resolver and
certificates, never password or key files), /proc and /dev of its own, the plan's read-only paths,
an empty home and /tmp in memory, and the workspace. Everything else of the machine is absent, the
root included is read-only, and no capability is held or can be gained.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ptb_lite.provenance import SHIM
from ptb_lite.sandbox.guide import PROGRAM, RELAY_INSIDE, guided, recorded
from ptb_lite.sandbox.namespaces import way_out
from ptb_lite.sandbox.plan import SandboxPlan, gpu_files

SANDBOX_HOME = "/home/agent"
"""The home inside when the plan's environment names none."""

SYSTEM_FOLDERS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/usr")
# A list of what is needed rather than of what is secret: an unknown secret stays out too.
ETC_NAMES = (
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "debian_version",
    "gai.conf",
    "gitconfig",
    "group",
    "host.conf",
    "hosts",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "nvidia",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls/certs",
    "profile",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/certs",
    "ssl/cert.pem",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)
# Of the whole machine, not of the sandbox: keys, and processes by their timers.
_UNREADABLE = ("/proc/keys", "/proc/key-users", "/proc/timer_list")
_STARTER = Path(__file__).with_name("hardened.py")
_PROBE_SECONDS = 10.0


class Bubblewrap:
    name = "bubblewrap"
    isolates = True
    holds_limits = False
    gains_privileges = True

    def problem(self) -> str | None:
        if sys.platform != "linux":
            return "bubblewrap needs Linux (on Windows: WSL2)"
        program = shutil.which("bwrap")
        if program is None:
            return (
                "the program bwrap is not installed; install the package bubblewrap "
                "(Debian: apt-get install bubblewrap), or choose no isolation with --sandbox none"
            )
        failure = _probe(program, _isolation(program))
        if failure is None:
            return None
        return f"bwrap cannot make a sandbox here ({failure}); {way_out(program)}"

    def wrap(self, command: Sequence[str], plan: SandboxPlan) -> list[str]:
        program = shutil.which("bwrap") or "bwrap"
        workspace = os.fspath(plan.workspace.absolute())
        starter = [sys.executable, "-I", "-S", os.fspath(_STARTER)]
        arguments = [*starter, program, *_isolation(program)]
        if plan.network != "full":
            arguments.append("--unshare-net")
        for mount in sorted(_mounts(plan), key=_depth):
            arguments += mount
        if "HOME" not in plan.environment:
            arguments += ["--setenv", "HOME", SANDBOX_HOME]
        arguments += ["--remount-ro", "/dev", "--remount-ro", "/"]
        arguments += ["--chdir", workspace, "--", *guided(command, plan)]
        return recorded(arguments, plan, *SYSTEM_FOLDERS, "/etc")

    def environment(self, plan: SandboxPlan) -> Mapping[str, str]:
        return plan.environment

    def cleanup(self, plan: SandboxPlan) -> list[str]:  # noqa: ARG002
        return []  # its processes are descendants of bwrap, which the supervisor ends


BUBBLEWRAP = Bubblewrap()


def _depth(mount: list[str]) -> int:
    """Mounts are made from the root down: a later one would hide what lies below it."""
    return len(Path(mount[-1]).parts)


def _mounts(plan: SandboxPlan) -> Iterator[list[str]]:
    """Every mount as bwrap arguments; the last argument is the place inside."""
    yield ["--proc", "/proc"]
    yield from _kernel_mounts()
    yield ["--dev", "/dev"]
    size = _tmpfs_size(plan)
    yield [*size, "--tmpfs", "/dev/shm"]
    yield [*size, "--tmpfs", "/tmp"]
    yield ["--symlink", "/tmp", "/var/tmp"]
    for path in map(Path, SYSTEM_FOLDERS):
        if path.is_symlink():
            yield ["--symlink", os.fspath(path.readlink()), os.fspath(path)]
        elif path.is_dir():
            yield ["--ro-bind", os.fspath(path), os.fspath(path)]
    for name in ETC_NAMES:
        yield ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    # Thread pools of numerical libraries count the CPUs here.
    yield ["--ro-bind-try", "/sys/devices/system/cpu", "/sys/devices/system/cpu"]
    if plan.gpu:
        yield from _gpu_mounts(plan)
    home = Path(plan.environment.get("HOME", SANDBOX_HOME))
    if not home.is_relative_to(plan.workspace.absolute()):
        yield [*size, "--tmpfs", os.fspath(home)]
    if plan.guided:
        yield ["--ro-bind", os.fspath(PROGRAM), os.fspath(PROGRAM)]
    if plan.record is not None:
        yield ["--ro-bind", os.fspath(SHIM.parent), os.fspath(SHIM.parent)]
    if plan.relay is not None:
        yield ["--ro-bind", os.fspath(plan.relay.folder.resolve()), RELAY_INSIDE]
    # The workspace comes after read-only paths of its depth, and before those inside it.
    for path in plan.read_only:
        if path.exists():
            yield ["--ro-bind", os.fspath(path.resolve()), os.fspath(path.absolute())]
    yield [
        "--bind",
        os.fspath(plan.workspace.resolve()),
        os.fspath(plan.workspace.absolute()),
    ]


def _kernel_mounts() -> Iterator[list[str]]:
    """The kernel's settings, read-only. Their files let root write whom no capability is left.

    With them a sandbox of root could have the host start a program (kernel.core_pattern). bwrap
    covers only folders that can themselves be written, and these cannot.
    """
    for name in _UNREADABLE:
        if Path(name).exists():
            yield ["--ro-bind", "/dev/null", name]
    if os.geteuid() != 0:
        return
    with os.scandir("/proc") as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.isdigit() or entry.is_symlink() or entry.path in _UNREADABLE:
                continue
            if entry.is_dir() or entry.stat().st_mode & 0o222:
                yield ["--ro-bind-try", entry.path, entry.path]


def _tmpfs_size(plan: SandboxPlan) -> list[str]:
    """What lies in memory may take half of it, as the kernel has it for the whole machine."""
    if plan.limits.memory_bytes is None or not _has_size(shutil.which("bwrap") or "bwrap"):
        return []
    return ["--size", str(plan.limits.memory_bytes // 2)]


def _gpu_mounts(plan: SandboxPlan) -> Iterator[list[str]]:
    for node in gpu_files(plan):
        yield ["--dev-bind-try", os.fspath(node), os.fspath(node)]
    yield ["--ro-bind-try", "/sys", "/sys"]


@lru_cache(maxsize=4)
def _isolation(program: str) -> tuple[str, ...]:
    """The namespaces; with further user namespaces forbidden where this bwrap can do that."""
    base = (
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--unshare-cgroup-try",
        "--hostname",
        "sandbox",
        "--cap-drop",
        "ALL",
        "--die-with-parent",
        "--new-session",
    )
    strict = (*base, "--disable-userns")
    return strict if _probe(program, strict) is None else base


@lru_cache(maxsize=4)
def _has_size(program: str) -> bool:
    """Whether this bwrap can bound a folder in memory (since 0.7)."""
    try:
        done = subprocess.run(
            [program, "--help"], capture_output=True, timeout=_PROBE_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"--size BYTES" in done.stdout + done.stderr


def _probe(program: str, isolation: Sequence[str]) -> str | None:
    """Really make a sandbox and run `true` in it: None, or what bwrap said."""
    command = [program, *isolation, "--unshare-net", "--ro-bind", "/", "/"]
    command += ["--proc", "/proc", *(part for mount in _kernel_mounts() for part in mount)]
    command += ["--dev", "/dev", "--", "true"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return said[-1][:200] if said else f"exit code {done.returncode}"

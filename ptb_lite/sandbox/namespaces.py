"""Why a system refuses user namespaces to bwrap, and what allows them.

Each system says no in its own way, and bwrap tells them apart no more than "Permission denied".
What is read here are the switches themselves.
"""

from __future__ import annotations

from pathlib import Path

_SWITCHES = (
    (
        "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        1,
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("proc/sys/kernel/unprivileged_userns_clone", 0, "kernel.unprivileged_userns_clone=1"),
    ("proc/sys/user/max_user_namespaces", 0, "user.max_user_namespaces=15000"),
)
"""Where the system refuses by such a value, and what sets another."""
# Docker, podman, Kubernetes, LXC and systemd-nspawn.
_CONTAINER = (
    ".dockerenv",
    "run/.containerenv",
    "var/run/secrets/kubernetes.io",
    "run/systemd/container",
)
PROFILE = """\
abi <abi/4.0>,
include <tunables/global>
profile bwrap "{program}" flags=(unconfined) {{
  userns,
  include if exists <local/bwrap>
}}
"""
_OTHERS = "or take --sandbox podman, or no isolation with --sandbox none"


def way_out(program: str, root: Path = Path("/")) -> str:
    """What to do so that `program` (bwrap's path) may make user namespaces. `root` is where the
    system's files are looked for."""
    inside = any((root / mark).exists() for mark in _CONTAINER)
    switch = next((s for file, value, s in _SWITCHES if _number(root, file) == value), "")
    if inside:
        # Its system's switches are those of the machine around it: no profile helps in here.
        outside = f", on a machine with `sudo sysctl -w {switch}`" if switch else ""
        return (
            "this is a container whose engine refuses user namespaces: start it with "
            "`--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined` (Docker; podman: and `--device /dev/fuse`)"
            f"{outside}, or choose --sandbox none and let this container be the isolation"
        )
    if "apparmor" in switch:
        return (
            "AppArmor allows user namespaces only to programs with a profile; this installs one: "
            f"{profile_command(program)}; {_OTHERS}"
        )
    if switch:
        return f"run `sudo sysctl -w {switch}`, {_OTHERS}"
    version = _text(root, "proc/version").lower()
    if "microsoft" in version and "wsl2" not in version:
        return (
            "WSL 1 has no user namespaces: run `wsl --set-version DISTRIBUTION 2` in Windows, then "
            "try again"
        )
    if "microsoft" in version:
        return (
            "in WSL 2 run `wsl --update` in Windows, and `wsl --shutdown`, for a kernel that has "
            f"user namespaces; {_OTHERS}"
        )
    if not _text(root, "proc/self/uid_map"):
        return f"this kernel was built without user namespaces; {_OTHERS}"
    return f"allow user namespaces for it, {_OTHERS}"


def profile_command(program: str) -> str:
    """One shell command that installs bwrap's AppArmor profile and loads it."""
    text = PROFILE.format(program=program).replace("\n", "\\n")
    return (
        f"`printf '{text}' | sudo tee /etc/apparmor.d/bwrap-userns && "
        "sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns`"
    )


def _text(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(root: Path, name: str) -> int | None:
    try:
        return int(_text(root, name))
    except ValueError:
        return None

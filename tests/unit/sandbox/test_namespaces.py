"""Each way in which a system refuses user namespaces has its own way out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ptb_lite.sandbox.namespaces import profile_command, way_out

UID_MAP = {"proc/self/uid_map": "0 0 4294967295"}
KERNEL = "proc/sys/kernel/"


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({f"{KERNEL}apparmor_restrict_unprivileged_userns": "1"}, "/etc/apparmor.d/bwrap-userns"),
        ({f"{KERNEL}unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        ({"proc/sys/user/max_user_namespaces": "0"}, "user.max_user_namespaces="),
        ({".dockerenv": ""}, "--security-opt seccomp=unconfined"),
        ({"run/.containerenv": ""}, "--security-opt seccomp=unconfined"),
        ({"run/systemd/container": "lxc"}, "--sandbox none"),
        (
            {".dockerenv": "", f"{KERNEL}apparmor_restrict_unprivileged_userns": "1"},
            "on a machine with `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        ),
        ({"proc/version": "Linux 4.4.0-19041-Microsoft"}, "--set-version"),
        ({"proc/version": "Linux 5.15 microsoft-standard-WSL2"}, "wsl --update"),
        ({f"{KERNEL}apparmor_restrict_unprivileged_userns": "0"}, "allow user namespaces"),
        ({"proc/self/uid_map": ""}, "built without user namespaces"),
    ],
)
def test_the_way_out_is_that_of_the_system(
    tmp_path: Path, files: dict[str, str], part: str
) -> None:
    for name, text in {**UID_MAP, **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert part in way_out("/usr/bin/bwrap", tmp_path)


def test_the_command_writes_the_profile() -> None:
    command = profile_command("/opt/a b/bwrap").strip("`").partition(" | ")[0]
    written = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert '\nprofile bwrap "/opt/a b/bwrap" flags=(unconfined) {\n  userns,\n' in written.stdout

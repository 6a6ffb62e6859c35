"""Keys of the host's session and the kernel's lists are out of an agent's reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.sandbox import SandboxPlan, interpreter_paths, sandbox

_SECRET = "host-session-secret"
_CALL = """
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
add, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
"""
_HOST = (
    _CALL
    + """
import subprocess, sys
libc.syscall(keyctl, 1, None)
key = libc.syscall(add, b"user", b"probe", b"host-session-secret", 19, ctypes.c_long(-3))
if key < 0:
    sys.exit(77)
read = ctypes.create_string_buffer(64)
libc.syscall(keyctl, 11, key, read, 64)
print("host", read.value.decode(), flush=True)
sys.exit(subprocess.run([*sys.argv[1:], str(key)]).returncode)
"""
)
_AGENT = (
    _CALL
    + """
import multiprocessing, sys
read = ctypes.create_string_buffer(64)
print("read", libc.syscall(keyctl, 11, int(sys.argv[1]), read, 64), ctypes.get_errno(), read.value)
print("add", libc.syscall(add, b"user", b"x", b"y", 1, ctypes.c_long(-3)), ctypes.get_errno())
for name in ("keys", "key-users", "timer_list"):
    try:
        print(name, len(open("/proc/" + name).read()))
    except OSError:
        print(name, 0)
with multiprocessing.Pool(2) as pool:
    print("pool", pool.map(abs, [-1, -2]))
"""
)


def test_no_key_of_the_host_session_is_read_inside(tmp_path: Path) -> None:
    box = sandbox("bubblewrap")
    if (problem := box.problem()) is not None:
        pytest.skip(problem)
    plan = SandboxPlan(workspace=tmp_path, read_only=interpreter_paths(), environment={})
    inside = box.wrap([sys.executable, "-c", _AGENT], plan)

    done = subprocess.run(
        [sys.executable, "-c", _HOST, *inside],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    if done.returncode == 77:
        pytest.skip("this machine has no kernel keyrings")
    assert done.returncode == 0, done.stderr
    assert f"host {_SECRET}" in done.stdout
    assert "read -1 1 b''" in done.stdout
    assert "add -1 1" in done.stdout
    for name in ("keys", "key-users", "timer_list"):
        assert f"{name} 0" in done.stdout
    assert "pool [1, 2]" in done.stdout

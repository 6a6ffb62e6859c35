"""Keys of the host's session, the kernel's lists and its own calls are out of an agent's reach."""

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
import socket, threading
if platform.machine() == "x86_64":
    for number, *given in (
        (272, 0x10000000), (165, 0, 0, 0, 0, 0), (161, 0), (154, 0, 0, 0), (430, 0, 0), (435, 0, 0),
        (56, 0x10000011, 0, 0, 0, 0), (16, 0, 0x5412, 0), (16, 0, 0x541C, 0),
    ):
        ctypes.set_errno(0)
        libc.syscall(*map(ctypes.c_long, (number, *given)))
        print("call", number, *given[1:2], ctypes.get_errno())
for family in (1, 2, 10, 40):
    try:
        socket.socket(family).close()
        print("family", family, 0)
    except OSError as error:
        print("family", family, error.errno)
thread = threading.Thread(target=print, args=("thread",))
thread.start()
thread.join()
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
    # What training does besides still works.
    assert "pool [1, 2]" in done.stdout
    assert "thread\n" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("family")] == [
        "family 1 0",
        "family 2 0",
        "family 10 0",
        "family 40 97",
    ]
    called = [line.split() for line in done.stdout.splitlines() if line.startswith("call")]
    unknown = {"430", "435"}
    assert all(words[-1] == ("38" if words[1] in unknown else "1") for words in called), called

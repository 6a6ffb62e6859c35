"""Starts bwrap with a session keyring of its own and with a filter of system calls.

A program by itself, run by path with the standard library only. Kernel keyrings are no namespace:
without this, root inside reads the keys of the session that started the run.
"""

import ctypes
import os
import platform
import struct
import sys

_JOIN_SESSION_KEYRING = 1
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW = 0x7FFF0000
_EPERM, _ENOSYS = 0x00050001, 0x00050026
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# add_key, request_key, keyctl; syslog, acct, quotactl, uselib (x86), perf_event_open, bpf,
# userfaultfd, kexec_load, kexec_file_load. Left: NUMA's calls, which CUDA and NCCL make, and
# ptrace, which debuggers need and the PID namespace bounds.
_REFUSED = {
    "x86_64": (248, 249, 250, 103, 163, 179, 134, 298, 321, 323, 246, 320),
    "aarch64": (217, 218, 219, 116, 89, 60, 241, 280, 282, 104, 294),
}


def _given() -> dict[bytes, bytes]:
    """The environment as it was given: Python adds LC_CTYPE to its own where it finds no locale."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123  (this program imports little)
        lines = file.read().split(b"\0")
    return dict(line.split(b"=", 1) for line in lines if b"=" in line)


def program(machine: str) -> bytes:
    """The filter as classic BPF (linux/filter.h). A foreign architecture's calls are refused."""
    refused = _REFUSED[machine]
    count = len(refused)
    code = [
        (_LOAD_WORD, 0, 0, 4),
        (_JUMP_EQUAL, 0, count + 3, _ARCHITECTURE[machine]),
        (_LOAD_WORD, 0, 0, 0),
        (_JUMP_AT_LEAST, count + 2, 0, 0x40000000),
        *((_JUMP_EQUAL, count - place, 0, number) for place, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ENOSYS),
    ]
    return b"".join(struct.pack("<HBBI", *step) for step in code)


def main() -> None:
    bwrap, *rest = sys.argv[1:]
    machine = platform.machine()
    if machine in _ARCHITECTURE and sys.maxsize > 2**32:
        # A kernel without keyrings, or a container that refuses them, has none to protect.
        ctypes.CDLL(None).syscall(
            ctypes.c_long(_KEYCTL[machine]), ctypes.c_long(_JOIN_SESSION_KEYRING), None
        )
        handle = os.memfd_create("filter", 0)
        os.write(handle, program(machine))
        os.lseek(handle, 0, os.SEEK_SET)
        rest = ["--seccomp", str(handle), *rest]
    os.execvpe(bwrap, [bwrap, *rest], _given())


if __name__ == "__main__":
    main()

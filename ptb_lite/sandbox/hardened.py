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
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_IF_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW = 0x7FFF0000
_EPERM, _ENOSYS, _NO_FAMILY = 0x00050001, 0x00050026, 0x00050061
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# As Flatpak does (common/flatpak-run.c), but for NUMA's calls, which CUDA and NCCL make, for
# personality and for ptrace, which debuggers need and the PID namespace bounds; and more of the
# kernel's own: bpf, userfaultfd, kexec_load, kexec_file_load.
# add_key, request_key, keyctl; syslog, acct, quotactl, uselib and modify_ldt (x86),
# perf_event_open, bpf, userfaultfd, kexec_*; unshare, setns, mount, umount2, pivot_root, chroot.
_REFUSED = {
    "x86_64": (
        *(248, 249, 250, 103, 163, 179, 134, 154, 298, 321, 323, 246, 320),
        *(272, 308, 165, 166, 155, 161),
    ),
    "aarch64": (217, 218, 219, 116, 89, 60, 241, 280, 282, 104, 294, 97, 268, 40, 39, 41, 51),
}
# clone3, whose flags a filter cannot see, so that libraries take clone; open_tree, move_mount,
# fsopen, fsconfig, fsmount, fspick, mount_setattr.
_UNKNOWN = (435, 428, 429, 430, 431, 432, 433, 442)
_CLONE = {"x86_64": 56, "aarch64": 220}
_NEW_USER = 0x10000000
_IOCTL = {"x86_64": 16, "aarch64": 29}
_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX."""
_SOCKET = {"x86_64": 41, "aarch64": 198}
_FAMILIES = (0, 1, 2, 10, 16)
"""Unspecified, Unix, IPv4, IPv6, netlink; of the others some know no namespace, such as vsock."""


def _given() -> dict[bytes, bytes]:
    """The environment as it was given: Python adds LC_CTYPE to its own where it finds no locale."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123  (this program imports little)
        lines = file.read().split(b"\0")
    return dict(line.split(b"=", 1) for line in lines if b"=" in line)


def program(machine: str) -> bytes:
    """The filter as classic BPF (linux/filter.h). A foreign architecture's calls are refused."""
    allow, refuse, unknown, family = "allow", "refuse", "unknown", "family"
    # A jump goes to a named end, or passes over so many steps.
    steps: list[tuple[int, str | int, str | int, int]] = [
        (_LOAD_WORD, 0, 0, 4),
        (_JUMP_EQUAL, 0, refuse, _ARCHITECTURE[machine]),
        (_LOAD_WORD, 0, 0, 0),
        (_JUMP_AT_LEAST, unknown, 0, 0x40000000),
        *((_JUMP_EQUAL, refuse, 0, number) for number in _REFUSED[machine]),
        *((_JUMP_EQUAL, unknown, 0, number) for number in _UNKNOWN),
        # The first argument's low half stands at 16, the second's at 24.
        (_JUMP_EQUAL, 0, 2, _CLONE[machine]),
        (_LOAD_WORD, 0, 0, 16),
        (_JUMP_IF_SET, refuse, allow, _NEW_USER),
        (_JUMP_EQUAL, 0, 1 + len(_TERMINAL_INPUT), _IOCTL[machine]),
        (_LOAD_WORD, 0, 0, 24),
        *((_JUMP_EQUAL, refuse, 0, request) for request in _TERMINAL_INPUT[:-1]),
        (_JUMP_EQUAL, refuse, allow, _TERMINAL_INPUT[-1]),
        (_JUMP_EQUAL, 0, allow, _SOCKET[machine]),
        (_LOAD_WORD, 0, 0, 16),
        *((_JUMP_EQUAL, allow, 0, number) for number in _FAMILIES[:-1]),
        (_JUMP_EQUAL, allow, family, _FAMILIES[-1]),
    ]
    ends = {allow: _ALLOW, refuse: _EPERM, unknown: _ENOSYS, family: _NO_FAMILY}
    places = {name: len(steps) + place for place, name in enumerate(ends)}

    def way(to: str | int, place: int) -> int:
        return to if isinstance(to, int) else places[to] - place - 1

    code = [
        (kind, way(true, place), way(false, place), value)
        for place, (kind, true, false, value) in enumerate(steps)
    ]
    code += [(_RETURN, 0, 0, value) for value in ends.values()]
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

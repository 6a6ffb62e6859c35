"""What a process takes from itself before it runs code that is not trusted.

Resource limits (memory, CPU time, file sizes, open files), and on Linux a seccomp filter
under which it starts no process, opens no socket, signals and traces nobody, and creates, changes
and deletes no file. Neither can be taken back. Reading files stays possible: hiding those is the
sandbox's work.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys

MEMORY_BYTES = 1 << 30
OPEN_FILES = 32

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_FILTER_MODE = 2
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EPERM, _ENOSYS = 1, 38
_LD_WORD, _JUMP_EQUAL, _JUMP_SET, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ARGUMENTS = 16
_CLONE_THREAD = 0x10000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# By machine: the AUDIT_ARCH value, and system call numbers (asm/unistd.h).
_SOCKETS: dict[str, tuple[int, ...]] = {
    "x86_64": (41, 42, 43, 49, 50, 288),
    "aarch64": (198, 200, 201, 202, 203, 242),
}
_PROCESSES: dict[str, tuple[int, ...]] = {
    # fork, vfork, execve, execveat, kill, tkill, tgkill, ptrace, process_vm_*, pidfd_*, prlimit64,
    # unshare, setns, mount, bpf, perf_event_open, userfaultfd, io_uring_setup, keyctl, add_key
    "x86_64": (
        *(57, 58, 59, 322, 62, 200, 234, 101, 310, 311, 434, 424, 438, 302, 272, 308, 165),
        *(321, 298, 323, 425, 250, 248),
    ),
    "aarch64": (
        *(221, 281, 129, 130, 131, 117, 270, 271, 434, 424, 438, 261, 97, 268, 40),
        *(280, 241, 282, 425, 219, 217),
    ),
}
_FILES: dict[str, tuple[int, ...]] = {
    # creat, unlink*, rename*, mkdir*, rmdir, link*, symlink*, *chmod*, *chown*, truncate, utime*,
    # mknod*, *setxattr, fchmodat2
    "x86_64": (
        *(85, 87, 263, 82, 264, 316, 83, 258, 84, 86, 265, 88, 266, 90, 91, 268, 92, 93, 94),
        *(260, 76, 132, 235, 261, 280, 133, 259, 188, 189, 190, 452),
    ),
    "aarch64": (35, 38, 276, 34, 37, 36, 52, 53, 54, 55, 45, 88, 33, 5, 6, 7, 452),
}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
# (system call, index of its flags argument)
_OPENS = {"x86_64": ((257, 2), (2, 1)), "aarch64": ((56, 2),)}
_NEWER_FORMS = (435, 437)  # clone3, openat2: their arguments lie in memory that a filter cannot see


def apply(cpu_seconds: int) -> bool:
    """Limit this process for good; whether the system-call filter is in force.

    Raises OSError or ValueError when a resource limit cannot be set.
    """
    sys.set_int_max_str_digits(0)
    for kind, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURE or sys.maxsize < 2**32:
        return False
    return _filter(program(machine))


def program(machine: str) -> bytes:
    """The filter as classic BPF (linux/filter.h) for seccomp(2)."""
    denied = _SOCKETS[machine] + _PROCESSES[machine] + _FILES[machine]
    opens = _OPENS[machine]
    code: list[tuple[int, int, str, str]] = [
        (_LD_WORD, 4, "", ""),
        (_JUMP_EQUAL, _ARCHITECTURE[machine], "", "deny"),
        (_LD_WORD, 0, "", ""),
        (_JUMP_AT_LEAST, 0x40000000, "deny", ""),
        *((_JUMP_EQUAL, number, "deny", "") for number in denied),
        *((_JUMP_EQUAL, number, "newer", "") for number in _NEWER_FORMS),
        (_JUMP_EQUAL, _CLONE[machine], "clone", ""),
        *((_JUMP_EQUAL, number, f"open{place}", "") for number, place in opens),
        (_RETURN, _ALLOW, "", ""),
    ]
    labels = {"clone": len(code)}
    code += [(_LD_WORD, _ARGUMENTS, "", ""), (_JUMP_SET, _CLONE_THREAD, "allow", "deny")]
    for _, place in opens:
        labels[f"open{place}"] = len(code)
        code += [(_LD_WORD, _ARGUMENTS + 8 * place, "", ""), (_JUMP_SET, _WRITES, "deny", "allow")]
    for name, value in (
        ("deny", _ERRNO | _EPERM),
        ("newer", _ERRNO | _ENOSYS),
        ("allow", _ALLOW),
    ):
        labels[name] = len(code)
        code.append((_RETURN, value, "", ""))

    def away(here: int, label: str) -> int:
        return labels[label] - here - 1 if label else 0

    return b"".join(
        struct.pack("<HBBI", kind, away(here, yes), away(here, no), value)
        for here, (kind, value, yes, no) in enumerate(code)
    )


def _filter(code: bytes) -> bool:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError:
        return False
    kept = ctypes.create_string_buffer(code)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    wanted = Program(len(code) // 8, ctypes.addressof(kept))
    zero = ctypes.c_ulong(0)
    libc.prctl(_PR_SET_DUMPABLE, zero, zero, zero, zero)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0:
        return False
    return bool(
        libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_FILTER_MODE), ctypes.byref(wanted)) == 0
    )

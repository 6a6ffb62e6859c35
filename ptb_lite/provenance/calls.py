"""The system calls that are told of, by machine, and where their arguments stand.

No imports of ptb_lite: the shim reads this file inside of a sandbox.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
SECCOMP = {"x86_64": 317, "aarch64": 277}
_IO_URING_SETUP = 425
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _NOTIFY, _UNKNOWN = 0x7FFF0000, 0x7FC00000, 0x00050026
_X32 = 0x40000000


class Call(NamedTuple):
    """One call: `act` is open, openat2, create, rename, unlink, link, execute or truncate.

    `at` and `to_at` are the arguments that hold a folder's descriptor (-1: the working folder),
    `path` and `to` those that hold the address of a path, `extra` flags, a struct or argv.
    """

    act: str
    at: int
    path: int
    extra: int = -1
    to_at: int = -1
    to: int = -1


CALLS: dict[str, dict[int, Call]] = {
    "x86_64": {
        257: Call("open", 0, 1, 2),
        2: Call("open", -1, 0, 1),
        85: Call("create", -1, 0),
        437: Call("openat2", 0, 1, 2),
        82: Call("rename", -1, 0, to=1),
        264: Call("rename", 0, 1, to_at=2, to=3),
        316: Call("rename", 0, 1, to_at=2, to=3),
        87: Call("unlink", -1, 0),
        263: Call("unlink", 0, 1),
        86: Call("link", -1, 0, to=1),
        265: Call("link", 0, 1, to_at=2, to=3),
        59: Call("execute", -1, 0, 1),
        322: Call("execute", 0, 1, 2),
        76: Call("truncate", -1, 0),
    },
    "aarch64": {
        56: Call("open", 0, 1, 2),
        437: Call("openat2", 0, 1, 2),
        38: Call("rename", 0, 1, to_at=2, to=3),
        276: Call("rename", 0, 1, to_at=2, to=3),
        35: Call("unlink", 0, 1),
        37: Call("link", 0, 1, to_at=2, to=3),
        221: Call("execute", -1, 0, 1),
        281: Call("execute", 0, 1, 2),
        45: Call("truncate", -1, 0),
    },
}


def program(machine: str) -> bytes:
    """The filter as classic BPF (linux/filter.h), 8 bytes a step.

    Opening a folder, or a path without its content, is not told of. io_uring, whose opens no filter
    sees, is unknown here: programs do without it. A foreign architecture's calls pass: where they
    are to be refused the sandbox's own filter does it, which always counts more than this one.
    """
    calls = CALLS[machine]
    opens = {number: call.extra for number, call in calls.items() if call.act == "open"}
    allow, notify, unknown = "allow", "notify", "unknown"
    steps: list[tuple[int, str | int, str | int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 0, allow, AUDIT_ARCHITECTURE[machine]),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, allow, 0, _X32),
        (_EQUAL, unknown, 0, _IO_URING_SETUP),
    ]
    for number, flags in opens.items():
        steps += [
            (_EQUAL, 0, 3, number),
            (_LOAD, 0, 0, 16 + 8 * flags),
            # O_TMPFILE holds the bit of O_DIRECTORY, and makes a file.
            (_ANY_BIT, notify, 0, os.O_TMPFILE & ~os.O_DIRECTORY),
            (_ANY_BIT, allow, notify, os.O_DIRECTORY | os.O_PATH),
        ]
    steps += [(_EQUAL, notify, 0, number) for number in calls if number not in opens]
    steps.append((_RETURN, 0, 0, _ALLOW))
    ends = {allow: _ALLOW, notify: _NOTIFY, unknown: _UNKNOWN}
    places = {name: len(steps) + place for place, name in enumerate(ends)}

    def way(to: str | int, place: int) -> int:
        return to if isinstance(to, int) else places[to] - place - 1

    code = [
        (kind, way(true, place), way(false, place), value)
        for place, (kind, true, false, value) in enumerate(steps)
    ]
    code += [(_RETURN, 0, 0, value) for value in ends.values()]
    return b"".join(struct.pack("<HBBI", *step) for step in code)

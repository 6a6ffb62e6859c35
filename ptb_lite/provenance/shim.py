"""The last program before an agent's command: puts it under the filter that tells of its calls.

Run as `python -I -S shim.py COMMAND...` with the standard library only. The descriptor by which it
hears of its calls goes to the recorder, over the socket that the recorder left open at `SOCKET`;
neither of them is left to the command. Where that cannot be done the recorder is told why, and the
command runs without.
"""

from __future__ import annotations

import array
import ctypes
import os
import platform
import socket
import struct
import sys

SOCKET = 197
"""The descriptor that leads to the recorder."""
_PR_SET_NO_NEW_PRIVS = 38
_SET_MODE_FILTER, _NEW_LISTENER, _WAIT_KILLABLE = 1, 1 << 3, 1 << 5


def listen() -> int:
    """Put this process, and all that it starts, under the filter; the listener's descriptor.

    Raises OSError where the kernel refuses it, KeyError for an unknown machine.
    """
    sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120  (this program imports little)
    import calls  # type: ignore[import-not-found]

    machine = platform.machine()
    libc = ctypes.CDLL(None, use_errno=True)
    code = calls.program(machine)
    steps = ctypes.create_string_buffer(code)
    # struct sock_fprog of linux/filter.h: the number of steps and their address.
    given = ctypes.create_string_buffer(
        struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(steps))
    )
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    number = ctypes.c_long(calls.SECCOMP[machine])
    # A call that was told of waits unmoved by signals, where the kernel can do that (5.19).
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        listener = libc.syscall(
            number, ctypes.c_long(_SET_MODE_FILTER), ctypes.c_long(flags), given
        )
        if listener >= 0:
            return int(listener)
    error = ctypes.get_errno()
    raise OSError(error, os.strerror(error))


def report() -> None:
    """Hand the listener to the recorder, or say why there is none."""
    try:
        recorder = socket.socket(fileno=SOCKET)
    except OSError:
        return  # started without one
    with recorder:
        try:
            listener = listen()
        except (OSError, KeyError, AttributeError) as error:
            recorder.send(f"{type(error).__name__}: {error}"[:200].encode())
            return
        given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
        recorder.sendmsg([b"\0"], given)
        os.close(listener)


def main() -> None:
    command = sys.argv[1:]
    report()
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        os._exit(127)


if __name__ == "__main__":
    main()

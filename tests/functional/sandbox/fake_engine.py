"""A stand-in for docker at its command line: a service, elsewhere in the tree of processes, starts
what a client asks for. Nothing is isolated; `run`, `container inspect`, `rm` and the image's
commands do what ptb-lite needs of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from ptb_lite.sandbox.container import IMAGE

CLIENT = """#!{python}
import json, os, socket, sys
service = socket.socket(socket.AF_UNIX)
service.connect({place!r})
asked = json.dumps({{"words": sys.argv[1:], "environment": dict(os.environ), "at": os.getcwd()}})
socket.send_fds(service, [b"."], [0, 1, 2])
service.sendall(asked.encode())
service.shutdown(socket.SHUT_WR)
sys.exit(int(service.makefile().read() or 1))
"""


@contextlib.contextmanager
def fake_engine(folder: Path) -> Iterator[Path]:
    """The folder with the program `docker`, whose service is the calling process."""
    folder.mkdir()
    place = os.fspath(folder / "service")
    (folder / "docker").write_text(CLIENT.format(python=sys.executable, place=place))
    (folder / "docker").chmod(0o755)
    containers: dict[str, subprocess.Popen[bytes]] = {}
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(place)
        service.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = service.accept()[0]
                    threading.Thread(target=_serve, args=(client, containers), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield folder
        finally:
            service.shutdown(socket.SHUT_RDWR)
            for process in containers.values():
                _end(process)


def _serve(client: socket.socket, containers: dict[str, subprocess.Popen[bytes]]) -> None:
    with client:
        handles = socket.recv_fds(client, 1, 3)[1]
        asked = json.loads(client.makefile().read())
        words = asked["words"]
        code = 0
        if words[:2] == ["container", "inspect"]:
            process = containers.get(words[-1])
            pid = process.pid if process is not None and process.poll() is None else 0
            os.write(handles[1], b"%d\n" % pid)
        elif words[0] == "rm" and words[-1] in containers:
            _end(containers[words[-1]])
        elif words[0] == "run":
            process = subprocess.Popen(
                words[words.index(IMAGE) + 1 :],
                env={**asked["environment"]},
                cwd=asked["at"],
                stdin=handles[0],
                stdout=handles[1],
                stderr=handles[2],
                start_new_session=True,
            )
            if "--name" in words:
                containers[words[words.index("--name") + 1]] = process
            code = process.wait()
        for handle in handles:
            os.close(handle)
        with contextlib.suppress(OSError):
            client.sendall(b"%d" % (code & 255))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

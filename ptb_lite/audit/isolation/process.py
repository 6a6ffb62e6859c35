"""One process that reads what an agent left: started, heard for a while, and ended with its group.

Nothing of an agent's is read here.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ptb_lite.audit.isolation.job import MAX_RESULT_BYTES
from ptb_lite.installation import own_program
from ptb_lite.sandbox import SandboxPlan, interpreter_paths, sandbox

START_SECONDS = 60.0
"""What starting such a process may take beside its work, on a busy machine."""
_MAX_LINKS = 200


@cache
def isolation() -> str:
    """How these processes are kept apart on this machine, in words."""
    problem = sandbox("bubblewrap").problem()
    if problem is None:
        return "bubblewrap: no network, a read-only view; limits of memory and time"
    return f"limits of memory and time only ({problem})"


@contextmanager
def reader(
    module: Sequence[str], given: bytes, shown: Sequence[Path | None], seconds: float
) -> Iterator[Iterator[bytes]]:
    """The lines that `python -m module...` prints within `seconds`, fed with `given`.

    It sees itself and `shown` read-only, where bubblewrap works here, and has no network. On
    leaving, nothing of it is left. Raises OSError when it cannot be started.
    """
    command = own_program(*module)
    with (
        tempfile.TemporaryDirectory(prefix="ptb-lite-audit-") as empty,
        # A file and not a pipe: a job is larger than a pipe holds, and a process that does not
        # read would hold up the host.
        tempfile.TemporaryFile() as stdin,
    ):
        stdin.write(given)
        stdin.seek(0)
        if sandbox("bubblewrap").problem() is None:
            plan = SandboxPlan(
                workspace=Path(empty), read_only=_visible(shown), environment=_environment()
            )
            command = sandbox("bubblewrap").wrap(command, plan)
        run = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd=empty,
            start_new_session=True,
        )
        try:
            yield _lines(run, time.monotonic() + seconds)
        finally:
            with suppress(OSError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            if run.stdout is not None:
                run.stdout.close()


def with_links(folder: Path | None) -> tuple[Path, ...]:
    """A folder of the host's own, with what its links lead to, as in a Hub cache."""
    if folder is None:
        return ()
    found = [folder]
    with suppress(OSError), os.scandir(folder) as entries:
        found += [Path(one.path).resolve() for one in entries if one.is_symlink()][:_MAX_LINKS]
    return tuple(found)


def _lines(run: subprocess.Popen[bytes], until: float) -> Iterator[bytes]:
    """The lines that come until then. A line that is too long is the last."""
    if run.stdout is None:
        return
    held = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(run.stdout, selectors.EVENT_READ)
        while ready.select(max(0.0, until - time.monotonic())):
            block = os.read(run.stdout.fileno(), 1 << 16)
            held += block
            *lines, rest = held.split(b"\n")
            held = bytearray(rest)
            yield from map(bytes, lines)
            if not block or len(held) > MAX_RESULT_BYTES + (1 << 20):
                return


def _environment() -> dict[str, str]:
    """All that it gets: its imports, and pools of one thread in plain memory."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Arrow's own pool reserves more address space than a worker has.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _visible(shown: Sequence[Path | None]) -> tuple[Path, ...]:
    # Where outside detectors may lie; never the folder above the package, which in a source
    # checkout holds other runs.
    above = Path(__file__).resolve().parents[3]
    imports = (Path(path) for path in sys.path if path and Path(path).resolve() != above)
    return tuple(
        path.absolute() for path in (*interpreter_paths(), *imports, *shown) if path is not None
    )

"""What a node says of a runs folder: `python -m ptb_lite.launchers.probe FOLDER TOKEN_FILE`.

Run as a job before the first run is queued. Prints one JSON object.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

_SECONDS = 30


def probe(folder: Path, token: str) -> dict[str, object]:
    """Whether this node sees the folder and the token in it, may write there, and can isolate."""
    return {
        "host": socket.gethostname(),
        "sees": (folder / token).is_file(),
        "writes": _writes(folder),
        "isolates": _isolates(),
    }


def _writes(folder: Path) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _isolates() -> bool:
    """Whether bubblewrap may make its namespaces here."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    command = [program, "--unshare-all", "--ro-bind", "/", "/", "true"]
    try:
        return subprocess.run(command, capture_output=True, timeout=_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    print(json.dumps(probe(Path(sys.argv[1]), sys.argv[2])))

"""What a node says of runs: `python -m ptb_lite.launchers.probe FOLDER TOKEN_FILE RUN_ID...`.

Run as a job before the first run is queued. Prints one JSON object.
"""

from __future__ import annotations

import json
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.doctor.preflight import machine_problems
from ptb_lite.errors import PtbLiteError
from ptb_lite.runs.folder import RunFolder


def probe(folder: Path, token: str, run_ids: Sequence[str]) -> dict[str, object]:
    """Whether this node sees the folder and the token in it, may write there, and what it cannot
    do for the runs."""
    sees = (folder / token).is_file()
    return {
        "host": socket.gethostname(),
        "sees": sees,
        "writes": _writes(folder),
        "problems": list(dict.fromkeys(_problems(folder, run_ids))) if sees else [],
    }


def _problems(folder: Path, run_ids: Sequence[str]) -> Iterator[str]:
    catalog = load_catalog()
    for run_id in run_ids:
        try:
            yield from map(str, machine_problems(RunFolder(folder / run_id).read_spec(), catalog))
        except PtbLiteError as error:
            yield str(error)


def _writes(folder: Path) -> bool:
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    print(json.dumps(probe(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])))

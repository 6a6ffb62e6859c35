"""Whether a file that is on its way to the agent holds test items: read by the audit's own eyes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.code_clone import CodeCloneDetector
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.run import run_audit
from ptb_lite.text import plural

MAX_SEARCHED_BYTES = 8 * 2**30


def objection(path: Path, name: str, items: Sequence[TestItem], scratch: Path) -> str | None:
    """Why the file may not pass, None where it may.

    `name` is its name in the repository, whose ending says what it is. A file that cannot be
    searched does not pass. `scratch` is a folder of the host's on the same disk.
    """
    size = path.stat().st_size
    if size > MAX_SEARCHED_BYTES:
        return f"{name} is larger than the {MAX_SEARCHED_BYTES >> 30} GiB that can be searched"
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        copy = Path(folder) / Path(name).name
        _link(path.resolve(), copy)
        record = run_audit(
            AuditCase(folder=Path(folder), items=tuple(items)),
            detectors=(OverlapDetector(), CodeCloneDetector()),
        )
    found = {flag.item_id for flag in record.flags() if flag.decides and flag.item_id}
    if found:
        return f"{name} holds {plural(len(found), 'item')} of the test set"
    if any(result.status == "skipped" and result.deciding for result in record.results):
        return f"{name} could not be searched for test items"
    return None


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)

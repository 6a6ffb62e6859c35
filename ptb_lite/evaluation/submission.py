"""Whether a folder is a submission that will be scored: one verdict, in one sentence.

evaluate.py, the seal, `ptb-lite check` and the evaluation itself ask here or run the same two
steps: `validate_submission` reads bytes, `check_fit` lets PEFT put the adapter on the base model,
without numbers.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.audit.detectors.submission import SubmissionCheck, validate_submission

# A pattern of module names can be written so that matching it never ends.
FIT_SECONDS = 300.0


def check_submission(
    folder: Path, base_model: Path, base_ids: Sequence[str] = (), *, seconds: float = FIT_SECONDS
) -> SubmissionCheck:
    """Whether `folder` can be scored as an adapter of `base_model`, which `base_ids` also name.

    Takes the time of importing PEFT, in a process of its own. Raises OSError when that cannot be
    started.
    """
    check = validate_submission(folder, base_model=base_model, base_ids=base_ids)
    if not check.valid:
        return check
    command = [
        sys.executable,
        "-m",
        "ptb_lite.evaluation.engine.adapter_fit",
        str(base_model),
        str(folder),
    ]
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        reason = f"the adapter's patterns of names take longer than {seconds:.0f} s to match"
        return SubmissionCheck(valid=False, problem="malformed config", reason=reason)
    try:
        reason = json.loads(ended.stdout.splitlines()[-1])["problem"]
    except (ValueError, KeyError, IndexError, TypeError):
        # The base model's own fault, such as an architecture unknown here: its scoring says it.
        return check
    if not reason:
        return check
    return SubmissionCheck(valid=False, problem="does not fit", reason=reason)

"""Whether a folder is a submission that will be scored: one verdict, in one sentence.

The seal, `ptb-lite check` and the evaluation ask here; evaluate.py runs the same steps in the
agent's own sandbox: `validate_submission` reads bytes, `check_fit` lets PEFT put the adapter on the
base model, without numbers. Both run in processes of their own, under limits: what a submission
holds ends neither a run nor a command.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ptb_lite.audit.detectors.submission import SubmissionCheck
from ptb_lite.audit.isolation.host import checked_submission
from ptb_lite.audit.isolation.job import SUBMISSION, SubmissionJob
from ptb_lite.audit.isolation.process import reader, with_links
from ptb_lite.errors import PtbLiteError

# A pattern of module names can be written so that matching it never ends.
FIT_SECONDS = 300.0


def read_submission(
    folder: Path,
    base_model: Path | None = None,
    base_ids: Sequence[str] = (),
    *,
    whole: bool = False,
    seconds: float = SUBMISSION.seconds,
) -> SubmissionCheck:
    """`validate_submission` in a worker under limits. One that ends its worker is unreadable.

    Raises PtbLiteError when no worker could be asked.
    """
    limits = replace(SUBMISSION, seconds=seconds)
    # Inside the sandbox nothing can be found by where this process stands.
    base = base_model.absolute() if base_model is not None else None
    try:
        return checked_submission(
            SubmissionJob(folder.absolute(), base, tuple(base_ids), whole, limits)
        )
    except OSError as error:
        raise PtbLiteError(f"the submission was not read: {error}", field=str(folder)) from error


def check_submission(
    folder: Path,
    base_model: Path,
    base_ids: Sequence[str] = (),
    *,
    whole: bool = False,
    seconds: float = FIT_SECONDS,
) -> SubmissionCheck:
    """Whether `folder` can be scored as an adapter of `base_model`, which `base_ids` also name, or
    with `whole` as whole weights of its architecture.

    Takes the time of importing PEFT. Raises PtbLiteError when no worker could be asked.
    """
    check = read_submission(folder, base_model, base_ids, whole=whole)
    if not check.valid or check.whole:
        return check
    folder, base_model = folder.absolute(), base_model.absolute()
    module = ("ptb_lite.evaluation.engine.adapter_fit", str(base_model), str(folder), f"{seconds}")
    shown = (folder, *with_links(base_model))
    began, last = time.monotonic(), b""
    try:
        with reader(module, b"", shown, seconds) as lines:
            for line in lines:
                last = line
    except OSError as error:
        raise PtbLiteError(f"the submission was not read: {error}", field=str(folder)) from error
    if time.monotonic() - began >= seconds:
        reason = f"the adapter's patterns of names take longer than {seconds:.0f} s to match"
        return SubmissionCheck(valid=False, problem="malformed config", reason=reason)
    try:
        reason = json.loads(last)["problem"]
    except (ValueError, KeyError, TypeError):
        # The base model's own fault, such as an architecture unknown here: its scoring says it.
        return check
    if not reason:
        return check
    return SubmissionCheck(valid=False, problem="does not fit", reason=str(reason))

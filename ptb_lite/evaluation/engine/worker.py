"""The evaluation process: `python -m ptb_lite.evaluation.engine.worker JOB.json`.

Standard output carries `messages.Message` lines and nothing else; whatever libraries print goes to
standard error, which the caller points at a log. Exit code 0: every task has a result; 1: it said
why not (`failed`, `engine_did_not_start` or `submission_invalid`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
import traceback
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.engine.messages import (
    EngineDidNotStart,
    Message,
    SubmissionInvalid,
    WorkerFailed,
)
from ptb_lite.evaluation.errors import (
    EngineFailed,
    InvalidSubmissionError,
    SubmissionUnservable,
)
from ptb_lite.evaluation.job import EvaluationJob
from ptb_lite.garbage import without_collection

OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def main(arguments: list[str] | None = None) -> int:
    (job_file,) = arguments if arguments is not None else sys.argv[1:]
    out = take_standard_output()
    end_with_the_caller()
    prepare_environment()

    def emit(message: Message) -> None:
        out.write(message.model_dump_json().encode() + b"\n")
        out.flush()

    try:
        job = EvaluationJob.model_validate_json(Path(job_file).read_bytes())
        # Imported late: torch and lm-eval read the environment, and print, when imported.
        with without_collection():
            from ptb_lite.evaluation.benchmark import use_targets
            from ptb_lite.evaluation.engine.lm.job import evaluate

        use_targets(job.plugins)
        evaluate(job, emit)
    except InvalidSubmissionError as error:
        emit(SubmissionInvalid(reason=error.message))
        return 1
    except EngineFailed as error:
        traceback.print_exc()
        emit(
            EngineDidNotStart(
                reason=error.message, by_submission=isinstance(error, SubmissionUnservable)
            )
        )
        return 1
    except PtbLiteError as error:
        emit(WorkerFailed(reason=str(error)))
        return 1
    except ValidationError as error:
        emit(WorkerFailed(reason=f"the job file is not valid: {error.errors()[0]['msg']}"))
        return 1
    except Exception as error:
        # The edge of the process: whatever it was, the caller gets a sentence and a log.
        traceback.print_exc()
        emit(WorkerFailed(reason=f"{type(error).__name__}: {error}"[:500]))
        return 1
    return 0


def take_standard_output() -> BinaryIO:
    """The real standard output; from here on file descriptor 1 leads to standard error."""
    sys.stdout.flush()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def prepare_environment() -> None:
    """Settings that libraries read at import: models are local, so the network is not asked."""
    os.environ.update(OFFLINE)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Batches of all lengths follow each other: without it a GPU fills with gaps.
    os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")


def end_with_the_caller() -> None:
    """End this process group when the caller's end of standard input closes, where it is a pipe."""
    if os.getpgrp() == os.getpid() and stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    code = main()
    # All is written and said. Taking torch and its libraries apart again costs a second or two.
    sys.stderr.flush()
    os._exit(code)

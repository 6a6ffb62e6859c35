"""Whether an adapter fits its base model, asked in a process of its own.

`python -m ptb_lite.evaluation.engine.adapter_fit BASE ADAPTER SECONDS` prints
`{"problem": SENTENCE}`; the sentence is empty where it fits. It holds itself to the memory of a
detector that loads a model, and to so many seconds of CPU time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from ptb_lite.audit.isolation.forked import limit
from ptb_lite.audit.isolation.job import DEFAULT
from ptb_lite.evaluation.engine.worker import prepare_environment, take_standard_output
from ptb_lite.evaluation.errors import InvalidSubmissionError
from ptb_lite.garbage import without_collection


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 with the line printed; anything else is the base model's fault."""
    base, adapter = map(Path, arguments[:2])
    limit(DEFAULT.model_bytes, float(arguments[2]))
    out = take_standard_output()
    prepare_environment()
    # PEFT imports it where it is installed, which takes seconds; no weight here is quantised.
    sys.modules["bitsandbytes"] = None  # type: ignore[assignment]
    # Imported late: torch and transformers read the environment, and print, when imported.
    with without_collection():
        import peft  # noqa: F401

        from ptb_lite.evaluation.engine.model_loading import check_fit

    problem = ""
    try:
        check_fit(base, adapter)
    except InvalidSubmissionError as error:
        problem = error.message
    except MemoryError:
        problem = f"putting it on the base model needs more than {DEFAULT.model_bytes >> 30} GiB"
    out.write(json.dumps({"problem": problem}).encode() + b"\n")
    out.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

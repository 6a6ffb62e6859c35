"""What an agent's supervisor runs when the runner was killed: no secret stays behind.

`python -m ptb_lite.runner.secret_cleanup RUN_FOLDER VARIABLE...` takes the login back and masks the
trace; the variables are those whose values the agent was given. Their values come by the
environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ptb_lite.runner.agent.secrets import mask_trace, take_back
from ptb_lite.runs.folder import RunFolder
from ptb_lite.sandbox.inside import PACKED


def main(argv: list[str]) -> int:
    run = RunFolder(Path(argv[0]))
    environment = {**os.environ, **json.loads(os.environ.get(PACKED, "{}"))}
    given = [environment[name] for name in argv[1:] if name in environment]
    mask_trace(run, [*given, *take_back(run)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

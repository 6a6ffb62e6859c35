"""`python -m bench.hostile.locked FOLDER`: agents that take the rights from what they leave.

For a person without rights of root, who did not do the set-up: FOLDER is that person's own.
Exit code 1 where a run ended without a score.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bench.hostile.kills import PATIENCE_SECONDS, left_over, outcome
from bench.hostile.lab import laboratory

_DEEP = "os.makedirs('a/b/c')\nopen('a/b/c/own.py', 'w').write('x = 1')\n"
AGENTS = {
    "nothing": "submit()",
    "workspace": "submit()\nos.chmod('.', 0)",
    "submission": "submit()\nos.chmod('final_model', 0)",
    "its files": "submit()\nfor one in os.scandir('final_model'): os.chmod(one.path, 0)",
    "folders of its own": f"submit()\n{_DEEP}for one in ('a/b/c', 'a/b', 'a'): os.chmod(one, 0)",
    "all": f"submit()\n{_DEEP}os.system('chmod -R 000 .')",
}


def main(folder: Path) -> int:
    bench, wrong = laboratory(folder), 0
    print(f"as user {os.getuid()}", flush=True)
    for name, code in AGENTS.items():
        began = time.monotonic()
        run = bench.finish(bench.start(f"import os\n{code}"), PATIENCE_SECONDS)
        left = left_over(run)
        wrong += run.read_scores() is None or bool(left)
        print(
            f"{name}: {run.read_status().outcome}, {outcome(run)}, "
            f"{time.monotonic() - began:.0f} s, left {left}",
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))

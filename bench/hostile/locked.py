"""`python -m bench.hostile.locked FOLDER [NAME]`: agents that take the rights from what they leave.

For a person without rights of root, who did not do the set-up (FOLDER is that person's own), and
for root, who has two more agents, in no sandbox: there `chattr` is not refused. Exit code 1 where a
run ended without the score of the first.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from bench.hostile.kills import PATIENCE_SECONDS
from bench.hostile.lab import laboratory, start_whole
from bench.hostile.processes import left_over, outcome

_DEEP = "os.makedirs('a/b/c')\nopen('a/b/c/own.py', 'w').write('x = 1')\n"
# acl(5) as linux/posix_acl_xattr.h stores it: user::---, user:own:rwx, group::---, mask, other.
_ACL = """
import struct
parts = [(1, 0, -1), (2, 7, os.getuid()), (4, 0, -1), (16, 7, -1), (32, 0, -1)]
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *one) for one in parts)
for place in ("final_model/config.json", "final_model/model.safetensors", "final_model", "."):
    try:
        os.setxattr(place, "system.posix_acl_access", acl)
        print("set", place, flush=True)
    except OSError as error:
        print(error, flush=True)
"""
_FLAG = "os.system('chattr -R +{} final_model; lsattr -R final_model')"
AGENTS = {
    "nothing": "",
    "all, from within": f"{_DEEP}os.system('chmod -R 000 .')",
    "submission and workspace": "os.chmod('final_model', 0)\nos.chmod('.', 0)",
    "files and own folders": (
        f"{_DEEP}for one in os.scandir('final_model'): os.chmod(one.path, 0)\n"
        "for one in ('a/b/c', 'a/b', 'a'): os.chmod(one, 0)"
    ),
    "access list": _ACL,
}
FLAGS = {"immutable": _FLAG.format("i"), "append only": _FLAG.format("a")}


def main(folder: Path, only: str = "") -> int:
    bench, wrong, expected = laboratory(folder), 0, ""
    print(f"as user {os.getuid()}", flush=True)
    cases = [("bubblewrap", *one) for one in (AGENTS | FLAGS).items()]
    if os.getuid() == 0:
        cases += [("none", *one) for one in FLAGS.items()]
    for sandbox, name, code in cases:
        if only and name not in ("nothing", only):
            continue
        began = time.monotonic()
        run = start_whole(bench, f"submit()\n{code}", sandbox=sandbox)
        bench.finish(run, PATIENCE_SECONDS)
        left, found = left_over(run), outcome(run)
        expected = expected or found
        wrong += found != expected or run.read_scores() is None or bool(left)
        said = run.workspace.parent / "trace" / "stdout.log"
        print(
            f"{name} ({sandbox}): {run.read_status().outcome}, {found}, "
            f"{time.monotonic() - began:.0f} s, left {left}, "
            f"agent said {said.read_text()[-150:] if said.exists() else ''!r}",
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), *sys.argv[2:3]))

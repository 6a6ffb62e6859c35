"""Makes the recorded run that ships with the package from a run of the offline demo.

    scripts/record-demo runs/RUN

Only what a reader needs is taken: no secret, no path or process of this machine, no weights.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from ptb_lite.runs.folder import RunFolder

TARGET = Path(__file__).parents[1] / "ptb_lite" / "runner" / "console" / "recorded" / "demo"
_ABSOLUTE = re.compile(r"(?<![\w.~-])/(?:[\w.+-]+/)+([\w.+-]+)")
_SECRETS = ("pid", "process_started")


def record(run: RunFolder, target: Path = TARGET) -> int:
    """Write the recording; returns its size in bytes."""
    spec = json.loads(run.spec.read_text(encoding="utf-8"))
    salt = spec["item_salt"]
    status = json.loads(run.status.read_text(encoding="utf-8"))
    _json(target / "spec.json", {**spec, "item_salt": "not recorded"})
    _json(target / "status.json", {**status, **dict.fromkeys(_SECRETS)})
    for name in ("scores.json", "audit.json", "agent.json", "seal.json"):
        _json(target / name, json.loads((run.path / name).read_text(encoding="utf-8")))
    lines = run.journal.read_text(encoding="utf-8").splitlines()
    _text(target / "journal.jsonl", "".join(_small(line) + "\n" for line in lines))
    for source in sorted(run.evaluations.glob("*/*.samples.jsonl")):
        _text(target / "evaluations" / source.parent.name / source.name, source.read_text("utf-8"))
    files = [path for path in target.rglob("*") if path.is_file()]
    for path in files:
        assert salt not in path.read_text(encoding="utf-8"), path
    return sum(path.stat().st_size for path in files)


def _small(line: str) -> str:
    """A journal line without what is not set."""
    return json.dumps(_without_nulls(json.loads(line)), separators=(",", ":"), ensure_ascii=False)


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        kept = {k: _without_nulls(v) for k, v in value.items() if v not in (None, {}, "")}
        # The one field of an event that has to be there, whatever it is.
        if "exit_code" in value:
            kept["exit_code"] = value["exit_code"]
        return kept
    return value


def _json(path: Path, value: object) -> None:
    _text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A path of this machine is cut to its last part.
    path.write_text(_ABSOLUTE.sub(r"\1", text), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="scripts/record-demo", description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a finished run of offline-demo")
    given = parser.parse_args()
    print(f"{record(RunFolder(given.run.resolve()))} bytes in {TARGET}")

"""The pages of docs/reference that are made from the code: `scripts/docs` writes them.

`python scripts/reference.py` writes cli.md, events.md and scores.md; a test compares them.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from ptb_lite import events
from ptb_lite.runs import records

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def cli_page() -> str:
    """Every command with its options, as `--help` prints them."""
    parts = [
        "# Commands\n",
        "Made from the program's own help by `scripts/docs`. Without a command",
    ]
    parts += ["`ptb-lite` opens the app, on a terminal.\n"]
    waiting: list[tuple[str, ...]] = [(name,) for name in _names(_help())]
    while waiting:
        words = waiting.pop(0)
        text = _help(*words)
        waiting[:0] = [(*words, name) for name in _names(text)]
        parts += [f"## ptb-lite {' '.join(words)}\n", f"```text\n{text}\n```\n"]
    return "\n".join(parts)


def events_page() -> str:
    """The vocabulary of journal.jsonl."""
    kinds = get_args(get_args(events.Payload)[0])
    parts = [
        "# Events of a run\n",
        "`journal.jsonl` has one event a line: `seq` (from 1, without gaps), `time` (UTC) and",
        "`payload`, told apart by its `type`. A reader skips types that it does not know.",
        "This page is made from `ptb_lite/events.py` by `scripts/docs`.\n",
    ]
    for kind in kinds:
        parts += _model(kind, kind.model_fields["type"].default, but=("type",))
    for kind in (events.AgentEvent, events.Flag):
        parts += _model(kind, kind.__name__)
    return "\n".join(parts)


def scores_page() -> str:
    """The content of scores.json."""
    parts = [
        "# scores.json\n",
        "What `ptb-lite run --json` and `show --json` print. Scores lie in [0, 1]; `low` and",
        "`high` bound a 95 % interval. Made from `ptb_lite/runs/records.py` by `scripts/docs`.\n",
    ]
    for kind in _nested(records.Scores):
        parts += _model(kind, kind.__name__)
    return "\n".join(parts)


def _help(*words: str) -> str:
    """What `--help` prints, at a width that does not depend on the terminal."""
    unset = {key: value for key, value in os.environ.items() if not key.startswith("PTB_LITE_")}
    done = subprocess.run(
        [sys.executable, "-m", "ptb_lite", *words, "--help"],
        env={**unset, "COLUMNS": "90", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def _names(text: str) -> list[str]:
    """The commands that a help text lists."""
    listed = text.partition("Commands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z][\w-]*)", listed, re.MULTILINE)


def _model(kind: type[BaseModel], title: str, but: tuple[str, ...] = ()) -> list[str]:
    parts = [f"## {title}\n"]
    doc = kind.__dict__.get("__doc__")
    if doc:
        parts.append(_text(inspect.cleandoc(doc)) + "\n")
    fields = {name: info for name, info in kind.model_fields.items() if name not in but}
    if fields:
        parts += ["| field | type |", "|---|---|"]
        parts += [f"| `{name}` | {_type(info.annotation)} |" for name, info in fields.items()]
        parts.append("")
    return parts


def _nested(
    kind: type[BaseModel], seen: list[type[BaseModel]] | None = None
) -> list[type[BaseModel]]:
    """The model and all that it holds, each once."""
    found = [] if seen is None else seen
    if kind in found:
        return found
    found.append(kind)
    for info in kind.model_fields.values():
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                _nested(part, found)
    return found


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _type(annotation: object) -> str:
    text = (
        annotation.__name__
        if isinstance(annotation, type) and not get_args(annotation)
        else str(annotation)
    )
    text = re.sub(r"(\w+\.)+", "", text.replace("typing.", "")).replace("NoneType", "none")
    return "`" + text.replace("|", "or").replace(", ...", "") + "`"


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


PAGES = {"cli.md": cli_page, "events.md": events_page, "scores.md": scores_page}


def main() -> int:
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page().rstrip("\n") + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

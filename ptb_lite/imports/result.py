"""A result of another harness before it is made a run, and what reads files of strangers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.catalog.loader import Catalog
from ptb_lite.text import one_line

MAX_TEXT = 4 << 20
"""Bytes of a file that is read whole."""
# PostTrainBench's own order for the one number that counts.
_HEADLINES = ("reward", "accuracy", "pass@1", "score", "exact_match")
_BESIDE = ("stderr", "flagged")
_NOT_AN_ID = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Elsewhere:
    """One result. `key` names it and nothing else by the same name: importing it twice is one run.

    `workspace`, `submission` and `trace` are its files, None where there are none; `original` are
    small files beside them that are kept as they are.
    """

    source: str
    key: str
    folder: Path
    model: str
    agent: str
    agent_model: str
    benchmark: str
    hours: float
    sandbox: str
    ended: datetime
    scores: Mapping[str, float]
    agent_seconds: float | None = None
    verdict: Literal["clean", "flagged", ""] = ""
    said: tuple[str, ...] = ()
    failure: str = ""
    """Why there is no score."""
    workspace: Path | None = None
    submission: Path | None = None
    trace: tuple[Path, ...] = ()
    original: tuple[Path, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_dollars: float | None = None
    seed: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    """More choices, by the names of a RunSpec."""

    @property
    def headline(self) -> tuple[str, float] | None:
        """The number that counts there, by its name; None where there is none in [0, 1]."""
        named = [name for name in _HEADLINES if name in self.scores]
        rest = [name for name in self.scores if name not in _BESIDE]
        for name in (*named, *rest):
            if 0 <= self.scores[name] <= 1:
                return name, self.scores[name]
        return None


def read_text(path: Path) -> str:
    """The beginning of a regular file, empty where there is none; never through a link."""
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        with open_regular(path) as stream:
            return stream.read(MAX_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""


def read_json(path: Path) -> Any:
    """What a file holds as JSON, an empty object where it holds none."""
    try:
        return json.loads(read_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}


def numbers(found: Any, most: int = 50) -> dict[str, float]:
    """The finite numbers of an object, by name."""
    if not isinstance(found, dict):
        return {}
    kept = {
        one_line(str(name), 60): float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }
    return {name: value for name, value in list(kept.items())[:most] if math.isfinite(value)}


def our_model(hub_id: str, catalog: Catalog) -> str:
    """The catalogue's id of a Hub model, else the name in characters of an id."""
    for entry in catalog.models.values():
        if hub_id.lower() in (entry.id.lower(), (entry.hub_id or "").lower()):
            return entry.id
    return as_id(hub_id.rpartition("/")[2])


def as_id(text: str) -> str:
    """A name in the characters of an id."""
    return _NOT_AN_ID.sub("-", text).strip("-._")[:64] or "unknown"


def judged(folder: Path) -> tuple[Literal["clean", "flagged", ""], tuple[str, ...]]:
    """What PostTrainBench's judge left in a folder: the verdict, and its words."""
    names = ("contamination_judgement.txt", "disallowed_model_judgement.txt")
    said = [one_line(read_text(folder / name).strip(), 200) for name in names]
    bad = ("contamination detected", "disallowed use detected")
    good = ("no contamination detected", "only allowed use detected")
    words = tuple(each for each in said if each)
    if any(each == wrong for each, wrong in zip(said, bad, strict=True)):
        return "flagged", words
    # With an addition in brackets the judge was not asked, and its file was made up.
    if all(each == right for each, right in zip(said, good, strict=True)):
        return "clean", words
    return "", words

"""What a detector is given, and what it has to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ptb_lite.audit.record import DetectorResult
from ptb_lite.events import Record


@dataclass(frozen=True)
class TestItem:
    """One item of the test split. `id` is unique within its benchmark."""

    __test__ = False  # its name makes pytest take it for a test

    id: str
    question: str
    target: str = ""
    benchmark: str = ""


class HarnessManifest(Record):
    """The files handed to the agent: path relative to the workspace, with `/`, to SHA-256 (hex)."""

    version: Literal[1] = 1
    files: dict[str, str]


@dataclass(frozen=True)
class AuditCase:
    """The evidence. Everything in `folder` and `submission` is written by an untrusted agent.

    `control` are fresh items of the same kind as `items` that are in no split: what an agent
    hits by chance it hits as often among them. They are optional; for items with numbers the
    overlap detector makes its own. `base_model` is the folder of the assigned base model,
    `base_sha256` the hash of its weights, `base_ids` every other name by which an adapter may
    call it (a Hub id, its path inside a sandbox). `trace` is the agent's raw output.
    """

    folder: Path
    submission: Path | None = None
    items: tuple[TestItem, ...] = ()
    control: tuple[TestItem, ...] = ()
    base_model: Path | None = None
    base_sha256: str | None = None
    base_ids: tuple[str, ...] = ()
    harness: HarnessManifest | None = None
    trace: Path | None = None


class Detector(Protocol):
    """Looks at a case for one kind of evidence.

    `deciding` says whether skipping it leaves the verdict open. `run` may raise anything: the
    audit then counts it as skipped, with the error as the reason. It never writes.
    """

    @property
    def name(self) -> str: ...

    @property
    def deciding(self) -> bool: ...

    def run(self, case: AuditCase) -> DetectorResult: ...

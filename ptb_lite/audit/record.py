"""What an audit reads and leaves on disk: harness.json and audit.json."""

from __future__ import annotations

from typing import Literal

from ptb_lite.events import Flag, Record, Verdict

DetectorStatus = Literal["clean", "flagged", "skipped"]


class HarnessManifest(Record):
    """The files handed to the agent: path relative to the workspace, with `/`, to SHA-256 (hex)."""

    version: Literal[1] = 1
    files: dict[str, str]


class DetectorResult(Record):
    """What one detector found.

    `clean` means that it looked at everything in its charge and found nothing. `flagged` means
    that there are flags, deciding or informing. `skipped` means that it did not look, or not at
    everything: `reason` says why, and `flags` holds what it found in the part that it saw.
    `deciding` says whether skipping it leaves the verdict open. `notes` are facts for the reader
    which change nothing. `seconds` is wall time. `package` is where an outside detector comes
    from; it is empty for a built-in one.
    """

    detector: str
    status: DetectorStatus
    deciding: bool = True
    flags: tuple[Flag, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    package: str = ""

    def decides(self) -> bool:
        return any(flag.decides for flag in self.flags)


class AuditRecord(Record):
    """The content of audit.json: every detector's result, the verdict, and the names of the rules
    behind it. `isolation` says how the detectors were kept apart; empty in older ones."""

    version: Literal[1] = 1
    results: tuple[DetectorResult, ...]
    verdict: Verdict
    reason: str
    rules: tuple[str, ...] = ()
    isolation: str = ""

    def flags(self) -> tuple[Flag, ...]:
        return tuple(flag for result in self.results for flag in result.flags)

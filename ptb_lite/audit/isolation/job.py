"""What goes into a server of this room and comes out of it, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ptb_lite.audit.case import AuditCase, Rules, TestItem
from ptb_lite.audit.detectors.submission import SubmissionCheck, validate_submission
from ptb_lite.audit.evidence.losses import Losses
from ptb_lite.audit.record import DetectorResult, HarnessManifest

MAX_RESULT_BYTES = 16 << 20


@dataclass(frozen=True)
class Limits:
    """What a worker is held to.

    `memory_bytes` is its address space. `seconds` is for all detectors of one audit together, and
    half of what is left of it for each attempt; CPU time is bounded likewise.
    """

    memory_bytes: int = 1536 << 20
    model_bytes: int = 16 << 30
    """The address space of a detector that loads a model (`embedder`)."""
    seconds: float = 600.0
    attempts: int = 4
    """How often a detector is started: each time without the files that ended it before."""


DEFAULT = Limits()
LIVE = Limits(seconds=90.0, attempts=2)
SUBMISSION = Limits(seconds=240.0)


@dataclass(frozen=True)
class Job:
    """`detectors` are run in this order on `case`, whose judge does not travel."""

    case: AuditCase
    detectors: tuple[str, ...]
    live: bool = False
    limits: Limits = field(default_factory=Limits)

    def encoded(self) -> bytes:
        """Raises nothing: names that are no UTF-8 keep their bytes."""
        fields = asdict(replace(self.case, judge=None))
        fields["harness"] = self.case.harness and self.case.harness.model_dump()
        fields["losses"] = self.case.losses and self.case.losses.model_dump()
        fields["benchmark_kinds"] = dict(self.case.benchmark_kinds)
        whole = {
            "case": fields,
            "detectors": self.detectors,
            "live": self.live,
            "limits": asdict(self.limits),
        }
        return json.dumps(whole, default=str).encode()


@dataclass(frozen=True)
class SubmissionJob:
    """One submission, to be checked as an adapter of `base_model`, which `base_ids` also name;
    with `whole`, whole weights are accepted, too."""

    folder: Path
    base_model: Path | None = None
    base_ids: tuple[str, ...] = ()
    whole: bool = False
    limits: Limits = field(default_factory=lambda: SUBMISSION)

    def encoded(self) -> bytes:
        return json.dumps({"submission": asdict(self)}, default=str).encode()

    def carried_out(self) -> SubmissionCheck:
        """The check, in this process."""
        return validate_submission(
            self.folder, base_model=self.base_model, base_ids=self.base_ids, whole=self.whole
        )


def decoded(raw: bytes) -> Job | SubmissionJob:
    """The job of `encoded`."""
    whole = json.loads(raw)
    if given := whole.get("submission"):
        base = given["base_model"]
        return SubmissionJob(
            Path(given["folder"]),
            Path(base) if base is not None else None,
            tuple(given["base_ids"]),
            given["whole"],
            Limits(**given["limits"]),
        )
    return Job(
        _case(whole["case"]),
        tuple(whole["detectors"]),
        whole["live"],
        Limits(**whole["limits"]),
    )


def encoded(result: DetectorResult) -> bytes:
    """One line of JSON; lone surrogates, which JSON readers refuse, become question marks."""
    text = json.dumps(result.model_dump(mode="python"), ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace")


def _case(fields: dict[str, Any]) -> AuditCase:
    paths = (
        *("submission", "base_model", "trace", "hub_cache", "instruct_model", "embedder"),
        "provenance",
    )
    for name in paths:
        fields[name] = Path(fields[name]) if fields[name] is not None else None
    harness, losses = fields["harness"], fields["losses"]
    rules = fields["rules"]
    return AuditCase(
        **{
            **fields,
            "folder": Path(fields["folder"]),
            "items": tuple(_item(item) for item in fields["items"]),
            "control": tuple(_item(item) for item in fields["control"]),
            "base_ids": tuple(fields["base_ids"]),
            "hosts": tuple(fields["hosts"]),
            "without": tuple(fields["without"]),
            "rules": Rules(**{**rules, "agent_hosts": tuple(rules["agent_hosts"])}),
            "harness": HarnessManifest.model_validate(harness) if harness else None,
            "losses": Losses.model_validate(losses) if losses else None,
        }
    )


def _item(fields: dict[str, Any]) -> TestItem:
    return TestItem(**{**fields, "answers": tuple(fields.get("answers", ()))})

"""What everything on disk is made of, and the ways in which something can end."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Outcome(StrEnum):
    """Every way in which a phase, an agent or a run can end."""

    FINISHED = "finished"
    TIME_EXCEEDED = "time_exceeded"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    RATE_LIMITED = "rate_limited"
    """Of an agent: a limit of its account, or of its model's server, stopped it."""
    FAILED = "failed"


class Record(BaseModel):
    """Base of everything on disk: unknown fields of a newer version are kept out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")

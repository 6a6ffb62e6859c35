"""The ways in which an evaluation can end without a score."""

from __future__ import annotations

from ptb_lite.errors import PtbLiteError


class EvaluationError(PtbLiteError):
    """The evaluation process failed. `log` is the tail of its log, safe to print."""

    def __init__(self, message: str, *, log: str = "", field: str = "", hint: str = "") -> None:
        self.log = log
        super().__init__(message, field=field, hint=hint)


class InvalidSubmissionError(EvaluationError):
    """The submission cannot be scored (non-finite weights, an adapter that does not fit)."""


class EngineFailed(EvaluationError):  # noqa: N818  (said of the engine, not of the evaluation)
    """An optional engine did not start; another one can do the work."""


class SubmissionUnservable(EngineFailed):
    """An optional engine cannot give what PEFT would compute of this submission."""


class EvaluationStopped(PtbLiteError):  # noqa: N818  (a person's choice, not a fault)
    """Stopped because the caller's `should_stop` said so; the process group is gone."""


class ItemsError(PtbLiteError):
    """A benchmark's items cannot be generated, read or written as asked."""

"""Whether the agent's processes and files are recorded, and what is said where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ptb_lite.provenance.record import Said, read_lines
from ptb_lite.runner.context import RunContext
from ptb_lite.sandbox import RecordPlan, interpreter_paths


def record_plan(context: RunContext, quiet: Sequence[Path]) -> RecordPlan | None:
    """Where a run's agent is recorded; None: it was chosen not to be. `quiet` is what the agent is
    shown and cannot change, the interpreter apart."""
    if context.spec.provenance == "off":
        return None
    return RecordPlan(context.run.provenance, (*interpreter_paths(), *quiet))


def tell_unrecorded(context: RunContext) -> None:
    """Say once why there is no record, or no whole one, of an agent that was to be recorded."""
    if context.spec.provenance == "off":
        return
    try:
        said = [each for each in read_lines(context.run.provenance) if isinstance(each, Said)]
    except OSError:
        reason = f"the sandbox {context.spec.sandbox} does not do it"
    else:
        reasons = [each.reason for each in said if each.kind in ("off", "lost") and each.reason]
        reason = reasons[0] if reasons else ""
    if reason:
        context.warn(
            f"which process read or wrote which file is not recorded, or not to the end: {reason}"
        )

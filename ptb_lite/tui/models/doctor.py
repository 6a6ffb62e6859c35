"""The doctor's findings as lines for a list: what is wrong first, each with its way out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.doctor.checks import Check, agent_checks, doctor_checks
from ptb_lite.doctor.plugins import plugin_checks
from ptb_lite.errors import PtbLiteError

_ORDER = {"fail": 0, "warn": 1, "ok": 2, "absent": 3}


@dataclass(frozen=True)
class DoctorView:
    """`checks` in the order in which to mend things, `headline` one sentence about them all."""

    checks: tuple[Check, ...]
    headline: str


def examine(runs_dir: Path, *, online: bool) -> DoctorView:
    """Run every check of `ptb-lite doctor`: seconds, and with `online` the Hub is asked too."""
    checks = (*doctor_checks(runs_dir, online=online), *plugin_checks())
    try:
        checks = (*checks, *agent_checks(load_catalog().agents))
    except PtbLiteError as error:
        # A person's own catalogue file is malformed: that is a finding like the others.
        checks = (*checks, Check("catalogue", "fail", str(error), error.hint or "Mend the file"))
    return doctor_view(checks)


def doctor_view(checks: tuple[Check, ...]) -> DoctorView:
    """What fails comes first, then warnings; within each the doctor's own order stays."""
    ordered = tuple(sorted(checks, key=lambda check: _ORDER[check.status]))
    failed = sum(check.status == "fail" for check in checks)
    warned = sum(check.status == "warn" for check in checks)
    if failed:
        headline = (
            f"{failed} of {len(checks)} checks failed: runs cannot start until they are mended."
        )
    elif warned:
        headline = f"Runs can start. {warned} of {len(checks)} checks warn: a part will not work."
    else:
        headline = f"All {len(checks)} checks are well: runs can start."
    return DoctorView(ordered, headline)

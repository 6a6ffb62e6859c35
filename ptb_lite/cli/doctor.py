"""What `ptb-lite doctor` does: every check, one line each, and how to mend what fails."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.cli import EXIT_FAILED
from ptb_lite.cli.output import say, say_json
from ptb_lite.hardware.doctor import agent_checks, doctor_checks


def check_and_print(runs_dir: Path, *, online: bool, as_json: bool) -> int:
    """Print every check; the exit code."""
    checks = (*doctor_checks(runs_dir, online=online), *agent_checks(load_catalog().agents))
    if as_json:
        say_json([asdict(check) for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            say(f"{check.status:<4}  {check.name.ljust(width)}  {check.message}")
            if check.fix:
                say(f"{'':<4}  {'':<{width}}  -> {check.fix}")
    return EXIT_FAILED if any(check.status == "fail" for check in checks) else 0

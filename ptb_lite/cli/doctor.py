"""What `ptb-lite doctor` does: every check, one line each, and how to mend what fails."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.cli.common.defaults import EXIT_FAILED
from ptb_lite.cli.common.output import say, say_json
from ptb_lite.doctor.checks import Check, agent_checks, doctor_checks
from ptb_lite.doctor.plugins import plugin_checks
from ptb_lite.errors import PtbLiteError


def check_and_print(
    runs_dir: Path, *, online: bool, call: str | None, agent_model: str | None, as_json: bool
) -> int:
    """Print every check; the exit code."""
    checks = (
        *doctor_checks(runs_dir, online=online),
        *plugin_checks(),
        *agent_checks(load_catalog().agents),
    )
    if call is not None:
        checks = (*checks, _call(call, agent_model))
    if as_json:
        say_json([asdict(check) for check in checks])
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            say(f"{check.status:<6}  {check.name.ljust(width)}  {check.message}")
            if check.fix:
                say(f"{'':<6}  {'':<{width}}  -> {check.fix}")
    return EXIT_FAILED if any(check.status == "fail" for check in checks) else 0


def _call(agent: str, model: str | None) -> Check:
    """Asks the agent's model for one word: the only check that costs something."""
    from ptb_lite.runner.model_check import call_agent

    name = f"call of {agent}"
    try:
        called = call_agent(load_catalog().agent(agent), model=model)
    except PtbLiteError as error:
        return Check(name, "fail", error.message, error.hint or "")
    message = f"{called.message} ({called.seconds:.1f} s)"
    if called.works:
        return Check(name, "ok", message)
    return Check(name, "fail", message, "Check key, model name and endpoint")

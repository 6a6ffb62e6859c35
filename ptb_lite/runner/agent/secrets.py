"""What an agent signs in with: given to it for its phase, taken back and masked however that ends.

A program's own login is copied into the agent's home, which lies in the workspace, and is noted in
login.json while it is there. It is taken away by the runner at the end of the phase, by the
agent's supervisor when the runner was killed (`runner/forget.py`), and, should that be killed too,
when the run is resumed or the next run of the same folder starts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.registry import plan_agent
from ptb_lite.agents.secrets.logins import MAX_FILE_BYTES, secrets_in
from ptb_lite.agents.secrets.masking import mask_file, mask_folder
from ptb_lite.agents.secrets.unlinked_files import read_beneath, remove_beneath, write_beneath
from ptb_lite.chat.masking import mask_text
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record
from ptb_lite.files import read_record, write_record
from ptb_lite.installation import own_program
from ptb_lite.runner.context import RunContext
from ptb_lite.runs.folder import RunFolder, list_runs

_MAX_NAMED = 10


class LoginLent(Record):
    """The content of login.json: files of a login in the workspace, relative to it."""

    version: Literal[1] = 1
    files: tuple[str, ...]


@contextmanager
def agent_secrets(context: RunContext, plan: AgentPlan) -> Iterator[tuple[tuple[str, ...], ...]]:
    """Lends the agent its login; gives the commands that take it back when the runner dies.

    Raises OSError when it cannot be written.
    """
    run = context.run
    _lend(run, plan)
    given = plan.backend.environment(plan.start)
    names = [name for name, value in given.items() if value in plan.start.secrets]
    forget = tuple(own_program("ptb_lite.runner.secret_cleanup", os.fspath(run.path), *names))
    try:
        yield (forget,) if plan.start.secrets else ()
    finally:
        renewed = take_back(run)
        secrets = (*plan.start.secrets, *renewed)
        mask_trace(run, secrets)
        # What was given is masked in each line before it is journalled; a new token is not known.
        mask_file(run.journal, renewed)
        _mask_workspace(context, secrets)


def clear_secrets(context: RunContext) -> None:
    """Take back what killed runners lent, this run's own and those beside it, and tidy up."""
    for run in list_runs(context.run.path.parent):
        if run.login.exists() and (run.path == context.run.path or not run.runner_lives()):
            mask_trace(run, take_back(run))
    context.run.reserve.unlink(missing_ok=True)
    shutil.rmtree(context.run.relay, ignore_errors=True)
    if context.run.agent_end.exists():
        # The agent had begun. Its key, where it is still set, tells what to mask.
        with suppress(PtbLiteError):
            plan = plan_agent(
                context.catalog.agent(context.spec.agent),
                workspace=context.run.workspace,
                model=context.spec.agent_model,
            )
            mask_trace(context.run, plan.start.secrets)
            _mask_workspace(context, plan.start.secrets)


def take_back(run: RunFolder) -> tuple[str, ...]:
    """Remove the login from a workspace; the secrets that it held, renewed ones included."""
    if not run.login.exists():
        return ()
    found: list[str] = []
    try:
        lent = read_record(run.login, LoginLent)
    except PtbLiteError:
        return ()
    for name in lent.files:
        with suppress(OSError):
            found += secrets_in(read_beneath(run.workspace, name, MAX_FILE_BYTES))
        with suppress(OSError):
            remove_beneath(run.workspace, name)
    run.login.unlink(missing_ok=True)
    return tuple(found)


def mask_trace(run: RunFolder, secrets: Sequence[str]) -> None:
    """The trace is kept and shown to others; the agent's processes, which had the key, are gone."""
    for name in ("stdout.log", "stderr.log"):
        mask_file(run.trace / name, secrets)
    # Copies of what it deleted, and its command lines: of the host's own folder nothing is said.
    mask_folder(run.provenance, secrets)


def _lend(run: RunFolder, plan: AgentPlan) -> None:
    login = plan.start.login
    if login is None:
        return
    home = plan.start.home.relative_to(plan.start.workspace)
    names = {f"{home}/{file.path}": file.content for file in login.files}
    # The note comes first: a runner killed in between leaves a note of nothing, not the reverse.
    write_record(run.login, LoginLent(files=tuple(names)))
    for name, content in names.items():
        write_beneath(run.workspace, name, content)


def _mask_workspace(context: RunContext, secrets: Sequence[str]) -> None:
    """What the agent wrote of its key is masked too, and the files are named."""
    found = mask_folder(context.run.workspace, secrets)
    for paths, ending in (
        (found.cleared, "and is masked now"),
        (found.left, "and is left there: the file has other names"),
    ):
        if paths:
            shown = sorted(os.fspath(path.relative_to(context.run.workspace)) for path in paths)
            more = f" and {len(shown) - _MAX_NAMED} more" if len(shown) > _MAX_NAMED else ""
            names = mask_text(", ".join(shown[:_MAX_NAMED]), secrets)
            context.warn(f"what the agent signs in with stood in {names}{more} {ending}")
    if found.unread:
        context.warn(
            f"{found.unread} files of the workspace were not searched for what the agent signs in "
            "with: too large or too many"
        )

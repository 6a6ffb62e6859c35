"""One question to an agent, in a sandbox of its own that reaches the agent's model alone.

It works in an empty folder below the system's temporary one, which is removed however that ends,
with the copy of a login that it was lent.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ptb_lite.agents.event_bounds import LineSplitter
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.registry import plan_agent
from ptb_lite.agents.secrets.unlinked_files import write_beneath
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.chat.masking import mask_line
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import AgentEvent, AgentEventKind, Outcome
from ptb_lite.hardware.device import cpu_device
from ptb_lite.runner.agent.limits import GB, MEMORY_SHARE, sizes
from ptb_lite.runner.forwards import forwards
from ptb_lite.sandbox import (
    Ended,
    Groups,
    LimitPlan,
    Relay,
    RelayPlan,
    SandboxPlan,
    interpreter_paths,
    make_groups,
    sandbox,
    start,
)

MAX_OUTPUT_BYTES = 32 << 20
MAX_FOLDER_BYTES = 2 * GB
MAX_PROCESSES = 4096
_POLL_SECONDS = 0.1
_MEASURE_SECONDS = 1.0
_WORK = (AgentEventKind.TOOL_CALL, AgentEventKind.TOOL_RESULT)


@dataclass(frozen=True)
class AgentQuestion:
    """What is asked of which agent, and the `seconds` that it has.

    `evidence` is a temporary folder that it may read, removed with its own if this process dies.
    `should_stop` is looked at all the while.
    """

    entry: AgentEntry
    model: str | None
    prompt: str
    seconds: float
    sandbox: str = "bubblewrap"
    evidence: Path | None = None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class AgentAnswer:
    """How the agent's process ended, and what it said after the last thing that it did, whole.

    `problem` says why nothing usable came, empty where the agent ended by itself and had spoken.
    No secret of the agent's stands in either.
    """

    outcome: Outcome
    said: str
    problem: str


def ask_once(errand: AgentQuestion) -> AgentAnswer:
    """Ask, and wait for the end of the agent and all its processes.

    Raises PtbLiteError when the agent's program or key is missing, or the sandbox cannot be used.
    """
    box = sandbox(errand.sandbox)
    if (problem := box.problem()) is not None:
        raise PtbLiteError(problem, field="sandbox")
    with tempfile.TemporaryDirectory(prefix="ptb-lite-", ignore_cleanup_errors=True) as folder:
        workspace = Path(folder) / "workspace"
        workspace.mkdir()
        plan = plan_agent(errand.entry, workspace=workspace, model=errand.model)
        plan = replace(plan, start=replace(plan.start, deadline=time.time() + errand.seconds))
        plan.start.prompt_file.write_text(errand.prompt, encoding="utf-8")
        for file in plan.start.login.files if plan.start.login is not None else ():
            write_beneath(workspace, f"{plan.start.home.name}/{file.path}", file.content)
        return _asked(errand, plan, Path(folder))


def _asked(errand: AgentQuestion, plan: AgentPlan, folder: Path) -> AgentAnswer:
    if not plan.endpoints:
        return _heard(plan, folder, *_run(errand, plan, folder, None), refused=())
    relay = Relay(folder / "relay", plan.endpoints)
    relay.start()
    try:
        ways = RelayPlan(folder / "relay", tuple(forwards(plan.endpoints)))
        ended = _run(errand, plan, folder, ways)
    finally:
        relay.close()
    refused = [asked.host for asked in relay.counts() if not asked.allowed]
    return _heard(plan, folder, *ended, refused=refused)


def _run(
    errand: AgentQuestion, plan: AgentPlan, folder: Path, relay: RelayPlan | None
) -> tuple[Ended, str]:
    """The end of the agent's process, and why it was ended from outside, if it was."""
    box = sandbox(errand.sandbox)
    limits = LimitPlan(
        processes=MAX_PROCESSES,
        file_bytes=MAX_FOLDER_BYTES,
        memory_bytes=int(MEMORY_SHARE * cpu_device().memory_bytes),
    )
    own = [str(Path(sys.executable).parent), *map(str, plan.folders)]
    shown = (errand.evidence,) if errand.evidence is not None else ()
    box_plan = SandboxPlan(
        workspace=plan.start.workspace,
        read_only=(*interpreter_paths(), *plan.read_only, *shown),
        environment={
            "PATH": os.pathsep.join([*own, "/usr/local/bin", "/usr/bin", "/bin"]),
            "LANG": "C.UTF-8",
            **plan.backend.environment(plan.start),
        },
        network="off" if relay is None else "model-only",
        relay=relay,
        limits=limits,
    )
    # A container engine holds its containers to the limits itself.
    groups = (
        Groups()
        if box.holds_limits
        else make_groups(folder.name, memory_bytes=limits.memory_bytes, processes=MAX_PROCESSES)
    )
    try:
        return _waited(errand, plan, folder, box_plan, groups)
    finally:
        groups.remove()


def _waited(
    errand: AgentQuestion, plan: AgentPlan, folder: Path, box_plan: SandboxPlan, groups: Groups
) -> tuple[Ended, str]:
    box = sandbox(errand.sandbox)
    lent = [os.fspath(path) for path in (folder, errand.evidence) if path is not None]
    clean_up = box.cleanup(box_plan)
    supervised = start(
        box.wrap(plan.backend.command(plan.start), box_plan),
        environment=box.environment(box_plan),
        cwd=plan.start.workspace,
        deadline_seconds=errand.seconds,
        stdin=plan.start.prompt_file if plan.prompt_on_stdin else None,
        stdout=folder / "stdout",
        stderr=folder / "stderr",
        groups=groups.entrances(),
        after=[clean_up] if clean_up else (),
        # Nobody else would take away what it was lent to sign in with.
        if_orphaned=[
            ("/bin/rm", "-rf", "--", *lent),
            *(("/bin/rmdir", os.fspath(group)) for group in groups.folders),
        ],
        gains_privileges=box.gains_privileges,
    )
    problem, measured = "", time.monotonic()
    while (ended := supervised.poll()) is None:
        if not problem:
            if errand.should_stop():
                problem = "it was stopped"
            elif time.monotonic() - measured > _MEASURE_SECONDS:
                problem, measured = _too_much(folder), time.monotonic()
            if problem:
                supervised.stop()
        time.sleep(_POLL_SECONDS)
    return ended, problem


def _too_much(folder: Path) -> str:
    try:
        full = sum(sizes(folder)) > MAX_FOLDER_BYTES
    except OSError:
        full = True  # folders nested too deep to be looked at
    return f"it has written more than {MAX_FOLDER_BYTES // GB} GB" if full else ""


def _heard(
    plan: AgentPlan, folder: Path, ended: Ended, stopped: str, *, refused: Sequence[str]
) -> AgentAnswer:
    events = _events(plan, folder / "stdout")
    done = max((n for n, event in enumerate(events) if event.kind in _WORK), default=-1)
    # Pieces of one message come one after another, in the middle of a word.
    said = "".join(e.text for e in events[done + 1 :] if e.kind is AgentEventKind.MESSAGE)
    if said and ended.outcome is Outcome.FINISHED:
        return AgentAnswer(ended.outcome, said, "")
    errors = [event.text for event in events if event.kind is AgentEventKind.ERROR]
    # Masked at once: where the tail begins, a part of the key may.
    tail = mask_line(_tail(folder / "stderr", 1 << 16), plan.start.secrets)
    stderr = tail.decode("utf-8", "replace").strip()
    last = stderr.splitlines()[-1] if stderr else ""
    why = stopped or (errors[-1] if errors else last or "nothing was said")
    aside = f" (it also asked for {', '.join(refused[:3])})" if refused else ""
    text = f"{ended.outcome.value.replace('_', ' ')}: {why}{aside}"
    return AgentAnswer(ended.outcome, said, mask_line(text.encode(), plan.start.secrets).decode())


def _events(plan: AgentPlan, path: Path) -> list[AgentEvent]:
    splitter = LineSplitter()
    lines = [*splitter.feed(_tail(path, MAX_OUTPUT_BYTES)), *splitter.rest()]
    return [event for line in lines for event in plan.read_whole(line)]


def _tail(path: Path, limit: int) -> bytes:
    """The last bytes of what a process printed; nothing where it was never started."""
    if not path.exists():
        return b""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - limit))
        return stream.read(limit)

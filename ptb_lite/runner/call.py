"""One short question to the model behind an agent: whether its key, its model and the way work."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.agents.backend import AgentPlan, plan_agent
from ptb_lite.agents.beneath import write_beneath
from ptb_lite.agents.local_chat import ChatClient, ChatError
from ptb_lite.agents.reading import LineSplitter
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import AgentEvent, AgentEventKind, Outcome
from ptb_lite.runner.phases.agent_network import forwards
from ptb_lite.sandbox import Relay, RelayPlan, SandboxPlan, interpreter_paths, sandbox, start

CALL_SECONDS = 90.0
QUESTION = "Reply with the one word OK. Do nothing else."
_MAX_SHOWN = 200


@dataclass(frozen=True)
class Called:
    """`message` is what came back, or why nothing did."""

    works: bool
    message: str
    seconds: float


def call_agent(entry: AgentEntry, *, model: str | None, seconds: float = CALL_SECONDS) -> Called:
    """Ask once, as a run would: in a sandbox that reaches the model alone. It costs a few tokens.

    Raises PtbLiteError when the agent has no model, or its program or key is missing.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ptb-lite-", ignore_cleanup_errors=True) as folder:
        workspace = Path(folder) / "workspace"
        workspace.mkdir()
        plan = plan_agent(entry, workspace=workspace, model=model)
        if not plan.endpoints:
            raise PtbLiteError(f"agent '{entry.id}' has no model to call", field="call")
        if entry.backend == "local":
            works, message = _ask(plan, seconds)
        else:
            works, message = _run(plan, Path(folder), seconds)
    for secret in plan.start.secrets:
        message = message.replace(secret, "[key]")
    return Called(works, " ".join(message.split())[:_MAX_SHOWN], time.monotonic() - began)


def _ask(plan: AgentPlan, seconds: float) -> tuple[bool, str]:
    client = ChatClient(
        plan.start.endpoint or "",
        plan.start.model or "",
        key=plan.start.key.value if plan.start.key is not None else "",
        deadline=time.time() + seconds,
        say=lambda _: None,
    )
    try:
        reply = client.ask([{"role": "user", "content": QUESTION}], tools=False)
    except ChatError as error:
        return False, str(error)
    return True, reply.text or reply.reasoning or "an empty answer"


def _run(plan: AgentPlan, folder: Path, seconds: float) -> tuple[bool, str]:
    workspace = plan.start.workspace
    plan.start.prompt_file.write_text(QUESTION, encoding="utf-8")
    for file in plan.start.login.files if plan.start.login is not None else ():
        write_beneath(workspace, f"{plan.start.home.name}/{file.path}", file.content)
    box = sandbox("bubblewrap")
    if (problem := box.problem()) is not None:
        raise PtbLiteError(problem, field="call")
    relay = Relay(folder / "relay", plan.endpoints)
    relay.start()
    try:
        events, outcome = _events(plan, folder, seconds)
    finally:
        relay.close()
    said = [event.text for event in events if event.kind is AgentEventKind.MESSAGE and event.text]
    errors = [event.text for event in events if event.kind is AgentEventKind.ERROR]
    if said and outcome is Outcome.FINISHED:
        return True, said[-1]
    refused = [asked.host for asked in relay.counts() if not asked.allowed]
    stderr = (folder / "stderr").read_text(encoding="utf-8", errors="replace").strip()
    why = errors[-1] if errors else stderr.splitlines()[-1] if stderr else "nothing was said"
    aside = f" (it also asked for {', '.join(refused[:3])})" if refused else ""
    return False, f"{outcome.value.replace('_', ' ')}: {why}{aside}"


def _events(plan: AgentPlan, folder: Path, seconds: float) -> tuple[list[AgentEvent], Outcome]:
    own = [str(Path(sys.executable).parent), *map(str, plan.folders)]
    environment = {
        "PATH": os.pathsep.join([*own, "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        **plan.backend.environment(plan.start),
    }
    box_plan = SandboxPlan(
        workspace=plan.start.workspace,
        read_only=(*interpreter_paths(), *plan.read_only),
        environment=environment,
        network="model-only",
        relay=RelayPlan(folder / "relay", tuple(forwards(plan.endpoints))),
    )
    ended = start(
        sandbox("bubblewrap").wrap(plan.backend.command(plan.start), box_plan),
        environment=environment,
        cwd=plan.start.workspace,
        deadline_seconds=seconds,
        stdout=folder / "stdout",
        stderr=folder / "stderr",
    ).wait()
    assert ended is not None
    splitter = LineSplitter()
    lines = [*splitter.feed((folder / "stdout").read_bytes()), *splitter.rest()]
    return [event for line in lines for event in plan.read_line(line)], ended.outcome

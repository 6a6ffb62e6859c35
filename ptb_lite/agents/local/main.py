"""The local agent's program: `python -m ptb_lite.agents.local.main`, started in a workspace.

A small loop: the model is asked, its commands are run, it is told what came of them, until it
says that it is done. A command is a call of the tool `bash`, or, for models that cannot call
tools, a block fenced with ```bash (as in mini-swe-agent). What happens is said as agent events,
one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ptb_lite.agents.local.backend import KEY_VARIABLE
from ptb_lite.agents.local.chat import Call, ChatClient, ChatError, Reply, plain
from ptb_lite.agents.local.context import ContextWatch
from ptb_lite.agents.local.replies import commands_in, why_not_done
from ptb_lite.agents.local.session import Session, load_session, save_session, shortened
from ptb_lite.agents.local.shell import Ran, run_command
from ptb_lite.chat.endpoint import clean
from ptb_lite.chat.masking import mask_text
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.task_file import read_task, seconds_left
from ptb_lite.events import AgentEvent, AgentEventKind

COMMAND_SECONDS = 600.0
# The runner ends everything at the deadline. Ending a moment before it would look like an agent
# that was done, so this program gives up by itself only later.
GRACE_SECONDS = 5.0
MAX_EVENT_TEXT = 20_000
# A reply that breaks off, or has no command before anything was done, is a slip of form more often
# than an end. So many of them in a row are one.
MAX_NUDGES = 3

SYSTEM = """\
You work on a task on this machine, on your own, through commands in bash.
Run a command by calling the tool bash. If you cannot call tools, write exactly one block
```bash
COMMAND
```
in your reply; it is run and you are told its output. Each command starts in the working folder in
a shell of its own; nothing can be asked, so commands must not wait for input. Start what takes long
in the background with its output in a file, and look at the file.
When everything is done, reply without a command."""
NUDGE = (
    " Call the tool bash, or write one block fenced with ```bash. If you are done, say so without "
    "a command."
)


@dataclass(frozen=True)
class Settings:
    endpoint: str
    model: str
    session: Path
    resume: str | None
    message: str | None
    deadline: float | None


def main() -> int:
    """Exit code 0: the model said that it is done; 1: it cannot be asked (an error event says)."""
    settings = _settings(sys.argv[1:])
    try:
        agent = LocalAgent(settings)
    except (PtbLiteError, OSError, UnicodeDecodeError) as error:
        say(AgentEventKind.ERROR, str(error))
        return 1
    return agent.run()


class LocalAgent:
    """One process of a session. Raises PtbLiteError when there is no task or session here."""

    def __init__(self, settings: Settings) -> None:
        chosen = settings.deadline
        left = seconds_left(read_task(Path())) if chosen is None else chosen - time.time()
        self._deadline = time.monotonic() + left
        self._give_up = self._deadline + GRACE_SECONDS
        self._path = settings.session
        self._session = _opened(settings)
        self._key = key = os.environ.get(KEY_VARIABLE, "")
        self._environment = {k: v for k, v in os.environ.items() if k != KEY_VARIABLE}
        self._client = ChatClient(
            settings.endpoint,
            settings.model,
            key=key,
            deadline=self._give_up,
            say=lambda text: say(AgentEventKind.ERROR, text),
            proxy=_proxy(settings.endpoint),
        )
        self._commands = 0
        self._context = ContextWatch()

    def run(self) -> int:
        """Work until the model is done or cannot be asked; the exit code."""
        say(AgentEventKind.SESSION, session_id=self._session.id)
        try:
            return self._work()
        finally:
            self._save()

    def _work(self) -> int:
        nudges = 0
        while time.monotonic() < self._give_up:
            try:
                reply = self._ask()
            except ChatError as error:
                say(AgentEventKind.ERROR, str(error))
                return 1
            self._note(reply)
            if reply.calls:
                self._do_calls(reply.calls)
            elif blocks := commands_in(reply.text):
                self._do_block(blocks)
            elif not (why := self._why_not_done(reply)):
                break
            elif nudges == MAX_NUDGES:
                say(AgentEventKind.ERROR, f"{nudges + 1} replies in a row without a command: {why}")
                break
            else:
                nudges += 1
                said = {"role": "user", "content": why + NUDGE}
                self._session = self._session.with_messages(said)
                continue
            nudges = 0
        used = f"{self._session.input_tokens} tokens in, {self._session.output_tokens} out"
        say(AgentEventKind.END, used)
        return 0

    def _why_not_done(self, reply: Reply) -> str:
        return why_not_done(reply, tools=self._session.tools, worked=self._commands > 0)

    def _ask(self) -> Reply:
        """The next reply; goes without tools, or with less of the past, when it must."""
        while True:
            messages = self._context.fitting(self._session.messages)
            if self._session.plain:
                messages = tuple(map(plain, messages))
            try:
                reply = self._client.ask(messages, tools=self._session.tools)
                if warning := self._context.note(messages, reply.input_tokens):
                    say(AgentEventKind.ERROR, warning)
                return reply
            except ChatError as error:
                if error.problem == "no tools":
                    update: dict[str, object] = {"tools": False}
                elif error.problem == "unknown field" and not self._session.plain:
                    update = {"plain": True}
                elif error.problem == "too long":
                    shorter = shortened(self._session.messages)
                    if shorter is None:
                        raise
                    update = {"messages": shorter}
                else:
                    raise
                say(AgentEventKind.ERROR, f"{error.problem}, asking in another way: {error}")
                self._session = self._session.model_copy(update=update)

    def _note(self, reply: Reply) -> None:
        self._session = self._session.with_messages(reply.message()).model_copy(
            update={
                "input_tokens": self._session.input_tokens + reply.input_tokens,
                "output_tokens": self._session.output_tokens + reply.output_tokens,
            }
        )
        # Also now: a kill during the command leaves no time for the end of `run`.
        self._save()
        if reply.reasoning:
            say(AgentEventKind.REASONING, reply.reasoning)
        if reply.text:
            say(AgentEventKind.MESSAGE, reply.text)
        say(
            AgentEventKind.USAGE,
            data={
                "input_tokens": float(reply.input_tokens),
                "output_tokens": float(reply.output_tokens),
            },
        )

    def _save(self) -> None:
        """Keep the trajectory; without room for it the work goes on, and cannot be resumed."""
        try:
            save_session(self._session, self._path)
        except OSError as error:
            say(AgentEventKind.ERROR, f"the session cannot be saved: {error}")

    def _do_calls(self, calls: Sequence[Call]) -> None:
        for call in calls:
            result = self._do_call(call)
            self._session = self._session.with_messages(
                {"role": "tool", "tool_call_id": call.id, "content": result}
            )

    def _do_call(self, call: Call) -> str:
        if call.name != "bash":
            return _told(f"there is no tool {call.name!r}, only bash")
        try:
            arguments = json.loads(call.arguments)
            command = arguments["command"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return _told('the arguments must be a JSON object: {"command": "..."}')
        if not isinstance(command, str):
            return _told("the command must be a string")
        return self._run(clean(command), _seconds(arguments.get("timeout_seconds")))

    def _do_block(self, blocks: Sequence[str]) -> None:
        """Run the first block: what comes after it was written without seeing its output."""
        result = self._run(blocks[0], COMMAND_SECONDS)
        if len(blocks) > 1:
            result += "\n[only the first block was run; write one block a reply]"
        self._session = self._session.with_messages({"role": "user", "content": result})

    def _run(self, command: str, seconds: float) -> str:
        self._commands += 1
        say(AgentEventKind.TOOL_CALL, command, tool="bash")
        left = max(0.0, self._give_up - time.monotonic())
        ran = run_command(
            command, seconds=min(seconds, left), environment=self._environment, secret=self._key
        )
        return _told(f"{ran.output}\n[{_end(ran)}; {self._left()}]")

    def _left(self) -> str:
        left = max(0, int(self._deadline - time.monotonic()))
        return f"{left // 60} min {left % 60} s left"


def say(
    kind: AgentEventKind,
    text: str = "",
    *,
    tool: str | None = None,
    session_id: str | None = None,
    data: dict[str, float] | None = None,
) -> None:
    # Masked before it is cut. Its own key is the one secret that this program knows.
    shown = mask_text(text, (os.environ.get(KEY_VARIABLE, ""),))[:MAX_EVENT_TEXT]
    event = AgentEvent(kind=kind, text=shown, tool=tool, session_id=session_id, data=data or {})
    print(event.model_dump_json(), flush=True)


def _told(result: str) -> str:
    say(AgentEventKind.TOOL_RESULT, result, tool="bash")
    return result


def _end(ran: Ran) -> str:
    if ran.exit_code is None:
        return f"killed: its time of {ran.seconds:.0f} s was over"
    return f"exit code {ran.exit_code}, {ran.seconds:.1f} s"


def _proxy(endpoint: str) -> str | None:
    """The proxy that the sandbox names; what is reached on loopback needs none."""
    parts = urlsplit(endpoint)
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return None
    return os.environ.get(f"{parts.scheme}_proxy") or None


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return COMMAND_SECONDS
    return max(1.0, float(value))


def _opened(settings: Settings) -> Session:
    if settings.resume is not None:
        session = load_session(settings.session, settings.resume)
        message = {"role": "user", "content": settings.message or sys.stdin.read() or "Go on."}
        return session.with_messages(message)
    return Session(id=uuid.uuid4().hex).with_messages(
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": Path("prompt.md").read_text(encoding="utf-8")},
    )


def _settings(arguments: Sequence[str]) -> Settings:
    parser = argparse.ArgumentParser(prog="ptb_lite.agents.local.main", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="the base URL, often ending in /v1")
    parser.add_argument("--model", required=True, help="the model's name at the endpoint")
    parser.add_argument("--session", required=True, type=Path, help="where the trajectory is kept")
    parser.add_argument("--resume", help="the id of the saved session to go on with")
    parser.add_argument("--message", help="what a resumed session is told")
    parser.add_argument(
        "--deadline", type=float, help="seconds since the epoch; else that of task.json"
    )
    return Settings(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())

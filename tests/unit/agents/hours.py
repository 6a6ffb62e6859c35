"""An hour of post-training as Codex, Gemini CLI and OpenCode print it, made from a few figures.

What each tells, and in what shape, is that of captured streams and of the programs' source or issue
threads: Codex's exec events (its issues 34919 on sub-agents, 37676 on turns that fail), Gemini
CLI's headless mode, OpenCode's `run --format json` (its issue 49300 on sub-agents).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

UNTIL = "until grep -q trained train.log; do sleep 30; done"
OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.2 GiB"
BACKGROUND = "setsid nohup ptb-lite-train --data sft.jsonl >train.log 2>&1 &"
SUB_AGENTS = (
    "Write arithmetic problems like those of train.jsonl.",
    "Read the logs of the training.",
)
LIMIT = {
    "codex": "You've hit your usage limit. Try again at 3:04 PM.",
    "gemini": "You exceeded your current quota (RESOURCE_EXHAUSTED). Please retry in 5h3m.",
    "opencode": "Rate limit reached for requests",
}


@dataclass
class Hour:
    """Processes of one session, each of one turn, of about 800 lines in all. One command in ten
    waits in an `until` loop, one training goes to the background, one runs out of memory, two
    sub-agents work, the conversation is compacted and so shorter; with `limited` the last turn
    meets a rate limit. `used` is what the lines tell: input, cached, output."""

    turns: int = 5
    calls: int = 60
    limited: bool = False
    used: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    sub_agents: int = 0
    processes: list[list[dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for turn in range(self.turns):
            self.processes.append([])
            self.begin()
            for call in range(self.calls):
                self.step(turn, call)
            if turn == 1:
                for prompt in SUB_AGENTS:
                    self.sub_agents += 1
                    self.sub_agent(prompt)
            self.end(turn, failed=self.limited and turn == self.turns - 1)

    def step(self, turn: int, call: int) -> None:
        # After a compaction, in the third turn, a request is short again.
        self.request(4000 + 150 * ((call + 60 * turn) % 150), 3000, 80 + call)
        failed = (turn, call) == (2, 5)
        command = UNTIL if call % 10 == 0 else BACKGROUND if call % 10 == 1 else f"head -{call} a"
        self.call(command, OUT_OF_MEMORY if failed else f"step {call}", failed=failed)

    def add(self, line: dict[str, Any]) -> None:
        self.processes[-1].append(line)

    def count(self, read: float, cached: float, written: float) -> None:
        self.used = [a + b for a, b in zip(self.used, (read, cached, written), strict=True)]

    def encoded(self) -> Iterator[list[bytes]]:
        for lines in self.processes:
            yield [json.dumps(line).encode() for line in lines]

    def begin(self) -> None:
        raise NotImplementedError

    def request(self, read: float, cached: float, written: float) -> None:
        raise NotImplementedError

    def call(self, command: str, output: str, *, failed: bool) -> None:
        raise NotImplementedError

    def sub_agent(self, prompt: str) -> None:
        raise NotImplementedError

    def end(self, turn: int, *, failed: bool) -> None:
        raise NotImplementedError


@dataclass
class CodexHour(Hour):
    """Counts at the end of a turn are those of the thread; a turn that fails has none."""

    calls: int = 66
    numbers: Iterator[int] = field(default_factory=itertools.count)
    untold: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def begin(self) -> None:
        self.add({"type": "thread.started", "thread_id": "thread-1"})
        self.add({"type": "turn.started"})

    def request(self, read: float, cached: float, written: float) -> None:
        self.untold = [a + b for a, b in zip(self.untold, (read, cached, written), strict=True)]

    def call(self, command: str, output: str, *, failed: bool) -> None:
        item = {"type": "command_execution", "command": f"/bin/bash -c {command!r}"}
        if command == UNTIL:
            self.item(type="reasoning", text="The training takes a while.")
        begun = {**item, "aggregated_output": "", "exit_code": None, "status": "in_progress"}
        self.item("started", **begun)
        status = "failed" if failed else "completed"
        self.item(**item, aggregated_output=output, exit_code=int(failed), status=status)
        if command == BACKGROUND:
            self.item(type="file_change", changes=[{"path": "sft.jsonl", "kind": "update"}])
            self.item("updated", type="todo_list", items=[{"text": "train", "completed": False}])

    def item(self, what: str = "completed", **fields: Any) -> None:
        item = {"id": f"item_{next(self.numbers)}", **fields}
        self.add({"type": f"item.{what}", "item": item})

    def sub_agent(self, prompt: str) -> None:
        name = f"thread-sub-{self.sub_agents}"
        call = {"type": "collab_tool_call", "sender_thread_id": "thread-1", "status": "completed"}
        spawned = {**call, "tool": "spawn_agent", "prompt": prompt, "receiver_thread_ids": [name]}
        self.item(**spawned, agents_states={name: {"status": "running", "message": None}})
        awaited = {**call, "tool": "wait", "prompt": None, "receiver_thread_ids": [name]}
        self.item(**awaited, agents_states={name: {"status": "completed", "message": "all done"}})

    def end(self, turn: int, *, failed: bool) -> None:
        if failed:
            self.add({"type": "error", "message": LIMIT["codex"]})
            self.add({"type": "turn.failed", "error": {"message": LIMIT["codex"]}})
            return
        self.item(type="agent_message", text=f"turn {turn} is done")
        self.count(*self.untold)
        self.untold = [0.0, 0.0, 0.0]
        read, cached, written = self.used
        counts = {"input_tokens": read, "cached_input_tokens": cached, "output_tokens": written}
        more = {"cache_write_input_tokens": 0, "reasoning_output_tokens": written / 2}
        self.add({"type": "turn.completed", "usage": counts | more})


@dataclass
class GeminiHour(Hour):
    """Counts stand at the end of a process and are of that alone, of all its models and agents;
    thoughts are in the total only. What a sub-agent does, and compactions, are not told."""

    calls: int = 67
    stats: dict[str, dict[str, float]] = field(default_factory=dict)

    def begin(self) -> None:
        self.stats = {}
        self.add({"type": "init", "session_id": "session-1", "model": "gemini-2.5-pro"})
        self.add({"type": "message", "role": "user", "content": "the prompt"})

    def request(
        self, read: float, cached: float, written: float, model: str = "gemini-2.5-pro"
    ) -> None:
        thoughts = written / 2
        now = {"total_tokens": read + written, "input_tokens": read, "cached": cached}
        now |= {"output_tokens": written - thoughts, "input": read - cached}
        before = self.stats.setdefault(model, dict.fromkeys(now, 0.0))
        self.stats[model] = {name: before[name] + now[name] for name in now}
        self.count(read, cached, written)

    def call(self, command: str, output: str, *, failed: bool) -> None:
        message = {"type": "message", "role": "assistant", "delta": True}
        if command == BACKGROUND:
            self.add({**message, "content": "Training in the background."})
        self.use("run_shell_command", {"command": command}, output, failed=failed)
        if command == UNTIL:
            self.request(1000, 0, 10, "gemini-2.5-flash-lite")
            self.add({**message, "content": "It is over."})
            self.add({"type": "error", "severity": "warning", "message": "Loop detected"})

    def use(self, tool: str, given: dict[str, str], output: str, *, failed: bool = False) -> None:
        called = {"tool_id": f"{tool}-{len(self.processes[-1])}"}
        self.add({"type": "tool_use", "tool_name": tool, **called, "parameters": given})
        came = {"type": "tool_result", **called, "status": "error" if failed else "success"}
        error = {"error": {"type": "TOOL_EXECUTION_ERROR", "message": output}} if failed else {}
        self.add({**came, "output": output} | error)

    def sub_agent(self, prompt: str) -> None:
        self.request(2000, 0, 300)
        self.use("invoke_agent", {"agent_name": "generalist", "prompt": prompt}, "all done")

    def end(self, turn: int, *, failed: bool) -> None:  # noqa: ARG002
        status = "error" if failed else "success"
        whole = {
            name: sum(model[name] for model in self.stats.values())
            for name in ("total_tokens", "input_tokens", "cached", "output_tokens", "input")
        }
        stats = {**whole, "duration_ms": 1, "tool_calls": self.calls, "models": self.stats}
        line: dict[str, Any] = {"type": "result", "status": status, "stats": stats}
        if failed:
            line["error"] = {"type": "FatalApiError", "message": LIMIT["gemini"]}
        self.add(line)


@dataclass
class OpenCodeHour(Hour):
    """Counts and cost stand at the end of each step and are of that alone; of a sub-agent only
    what came of it is told. There is no first and no last line."""

    calls: int = 48
    price: float = 0.002
    """Dollars of a step; none on a server of one's own."""
    cost: float = 0.0
    pending: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def line(self, kind: str, **part: Any) -> None:
        whole = {"id": "prt", "messageID": "msg", "sessionID": "ses_1", **part}
        self.add({"type": kind, "timestamp": 1, "sessionID": "ses_1", "part": whole})

    def begin(self) -> None:
        pass

    def request(self, read: float, cached: float, written: float) -> None:
        self.line("step_start", type="step-start")
        self.pending = (read, cached, written)
        self.count(read, cached, written)

    def finish(self) -> None:
        read, cached, written = self.pending
        self.cost += self.price
        counts = {"total": read + written, "input": read - cached - 100, "output": written - 30}
        cache = {"read": cached, "write": 100}
        whole = {**counts, "reasoning": 30, "cache": cache}
        self.line("step_finish", type="step-finish", tokens=whole, cost=self.price)

    def call(self, command: str, output: str, *, failed: bool) -> None:
        if command == UNTIL:
            self.line("reasoning", type="reasoning", text="The training takes a while.")
        if command == BACKGROUND:
            self.line("text", type="text", text="Training in the background.")
        state = {"status": "error", "error": output} if failed else {"status": "completed"}
        state |= {} if failed else {"output": output}
        self.line("tool_use", tool="bash", state={"input": {"command": command}, **state})
        self.finish()

    def sub_agent(self, prompt: str) -> None:
        self.request(3000, 2000, 90)
        given = {"description": "data", "prompt": prompt, "subagent_type": "general"}
        state = {"input": given, "status": "completed", "output": "all done"}
        more = {"metadata": {"sessionId": f"ses_sub_{self.sub_agents}"}}
        self.line("tool_use", tool="task", state={**state, **more})
        self.finish()

    def end(self, turn: int, *, failed: bool) -> None:
        if failed:
            data = {"message": LIMIT["opencode"], "statusCode": 429}
            error = {"name": "APIError", "data": data}
            self.add({"type": "error", "timestamp": 1, "sessionID": "ses_1", "error": error})
            return
        self.request(3000, 2000, 90)
        self.line("text", type="text", text=f"turn {turn} is done")
        self.finish()

"""The same steps as the events of each agent's program, and as the files that runs keep of them."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.audit.strangers.steps import Edit, Fetch, Say, Shell, Step, Task, Write, is_silent

Events = list[dict[str, Any]]
CWD = "/home/ben/task"


def _id(rng: random.Random, prefix: str) -> str:
    return prefix + uuid.UUID(int=rng.getrandbits(128)).hex[:22]


def claude(steps: list[Step], rng: random.Random) -> Events:
    session = str(uuid.UUID(int=rng.getrandbits(128)))
    first: dict[str, Any] = {
        "type": "system",
        "subtype": "init",
        "cwd": CWD,
        "session_id": session,
        "tools": ["Task", "Bash", "Edit", "Read", "Write", "WebFetch", "NotebookEdit"],
        "model": "claude-opus-4-5",
        "permissionMode": "bypassPermissions",
    }
    events = [first, *_claude(steps, rng, session, None)]
    events.append(
        {
            "type": "result",
            "subtype": "success",
            "is_error": False,
            "num_turns": len(steps),
            "result": "Done.",
            "session_id": session,
            "total_cost_usd": round(rng.uniform(2, 9), 4),
            "usage": {"input_tokens": 900, "output_tokens": 4000},
        }
    )
    return events


def _claude(
    steps: list[Step], rng: random.Random, session: str, parent: str | None
) -> Iterator[dict[str, Any]]:
    def event(kind: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": kind, "content": content}
        if kind == "assistant":
            message |= {
                "id": _id(rng, "msg_"),
                "type": "message",
                "model": "claude-opus-4-5",
                "stop_reason": None,
                "usage": {"input_tokens": 5, "output_tokens": rng.randint(20, 900)},
            }
        return {
            "type": kind,
            "message": message,
            "parent_tool_use_id": parent,
            "session_id": session,
            "uuid": str(uuid.UUID(int=rng.getrandbits(128))),
        }

    for step in steps:
        if is_silent(step):
            continue
        if isinstance(step, Say):
            yield event("assistant", [{"type": "text", "text": step.text}])
            continue
        name, given, output = _claude_tool(step, rng)
        call = _id(rng, "toolu_")
        yield event("assistant", [{"type": "tool_use", "id": call, "name": name, "input": given}])
        if isinstance(step, Task):
            yield from _claude(list(step.steps), rng, session, call)
        result = {"tool_use_id": call, "type": "tool_result", "content": output, "is_error": False}
        yield event("user", [result])


def _claude_tool(step: Step, rng: random.Random) -> tuple[str, dict[str, Any], str]:
    match step:
        case Shell(command, output):
            given = {"command": command, "description": "Run a command"}
            if rng.random() < 0.2:
                given["timeout"] = "600000"
            return "Bash", given, output or "(Bash completed with no output)"
        case Write(path, content) if path.endswith(".ipynb"):
            source = "".join(json.loads(content)["cells"][0]["source"])
            given = {
                "notebook_path": f"{CWD}/{path}",
                "new_source": source,
                "cell_type": "code",
                "edit_mode": "insert",
            }
            return "NotebookEdit", given, "Inserted cell"
        case Write(path, content):
            given = {"file_path": _full(path), "content": content}
            return "Write", given, f"File created successfully at: {_full(path)}"
        case Edit(path, old, new):
            if rng.random() < 0.3:
                edits = [{"old_string": old, "new_string": new}]
                many: dict[str, Any] = {"file_path": _full(path), "edits": edits}
                return "MultiEdit", many, f"Applied 1 edit to {_full(path)}"
            given = {"file_path": _full(path), "old_string": old, "new_string": new}
            return "Edit", given, f"The file {_full(path)} has been updated."
        case Fetch(url, prompt, output):
            return "WebFetch", {"url": url, "prompt": prompt}, output
        case Task(prompt, _, output):
            kind = rng.choice(("Task", "Agent"))
            described = {"description": "A part of the work", "prompt": prompt}
            return kind, {**described, "subagent_type": "general-purpose"}, output
    raise TypeError(step)


def _full(path: str) -> str:
    return path if path.startswith("/") else f"{CWD}/{path}"


def _patch(step: Write | Edit) -> str:
    if isinstance(step, Write):
        body = "\n".join("+" + line for line in step.content.splitlines())
        return f"*** Begin Patch\n*** Add File: {step.path}\n{body}\n*** End Patch"
    old = "\n".join("-" + line for line in step.old.splitlines())
    new = "\n".join("+" + line for line in step.new.splitlines())
    parts = [part for part in (old, new) if part]
    changed = "\n".join(parts)
    return f"*** Begin Patch\n*** Update File: {step.path}\n@@\n{changed}\n*** End Patch"


def codex(steps: list[Step], rng: random.Random) -> Events:
    events: Events = [
        {"type": "thread.started", "thread_id": str(uuid.UUID(int=rng.getrandbits(128)))},
        {"type": "turn.started"},
    ]
    count = 0

    def item(kind: str, **fields: Any) -> None:
        nonlocal count
        base = {"id": f"item_{count}", "type": kind}
        count += 1
        if kind == "command_execution":
            begun = {"aggregated_output": "", "exit_code": None, "status": "in_progress"}
            events.append({"type": "item.started", "item": {**base, **fields, **begun}})
        events.append({"type": "item.completed", "item": {**base, **fields}})

    def command(text: str, output: str) -> None:
        quoted = text.replace("'", "'\\''")
        in_double = not any(sign in text for sign in '"$`\\')
        line = f'/bin/bash -lc "{text}"' if in_double else f"/bin/bash -lc '{quoted}'"
        done = {"exit_code": 0, "status": "completed"}
        item("command_execution", command=line, aggregated_output=output, **done)

    def walk(some: list[Step]) -> None:
        for step in some:
            match step:
                case _ if is_silent(step):
                    pass
                case Say(text):
                    item(rng.choice(("agent_message", "agent_message", "reasoning")), text=text)
                case Shell(text, output):
                    command(text, output)
                case Write() | Edit():
                    kind = "add" if isinstance(step, Write) else "update"
                    if isinstance(step, Edit) and rng.random() < 0.5:
                        changes = [{"path": _full(step.path), "kind": kind}]
                        item("file_change", changes=changes, status="completed")
                    else:
                        said = f"Success. Updated the following files:\nM {step.path}\n"
                        command(f"apply_patch <<'PATCH'\n{_patch(step)}\nPATCH", said)
                case Fetch(url, _, output):
                    item("web_search", query=url)
                    command(f"curl -sL {url} | head -c 6000", output)
                case Task(prompt, inner, output):
                    call = {"tool": "spawn_agent", "prompt": prompt, "status": "completed"}
                    item("collab_tool_call", **call)
                    walk(list(inner))
                    item("agent_message", text=output)

    walk(steps)
    usage = {"input_tokens": 90000, "cached_input_tokens": 70000, "output_tokens": 8000}
    events.append({"type": "turn.completed", "usage": usage})
    return events


def _now(rng: random.Random) -> str:
    return f"2026-04-03T14:{rng.randint(10, 59)}:{rng.randint(10, 59)}.{rng.randint(100, 999)}Z"


def gemini(steps: list[Step], rng: random.Random) -> Events:
    started = {"type": "init", "timestamp": _now(rng), "session_id": _id(rng, "")}
    events: Events = [{**started, "model": "gemini-3-pro-preview"}]

    def tool(name: str, given: dict[str, Any], output: str) -> None:
        call = f"{name}-{rng.randint(10**12, 10**13)}-{len(events)}"
        when = _now(rng)
        use = {"tool_name": name, "tool_id": call, "parameters": given}
        events.append({"type": "tool_use", "timestamp": when, **use})
        end = {"tool_id": call, "status": "success", "output": output}
        events.append({"type": "tool_result", "timestamp": when, **end})

    def walk(some: list[Step]) -> None:
        for step in some:
            match step:
                case _ if is_silent(step):
                    pass
                case Say(text):
                    for part in _halves(text):
                        message = {"role": "assistant", "content": part, "delta": True}
                        events.append({"type": "message", "timestamp": _now(rng), **message})
                case Shell(command, output):
                    tool("run_shell_command", {"command": command}, output)
                case Write(path, content):
                    tool("write_file", {"file_path": path, "content": content}, "Created.")
                case Edit(path, old, new):
                    given = {"file_path": path, "old_string": old, "new_string": new}
                    tool("replace", given, f"Modified {path}")
                case Fetch(url, prompt, output):
                    tool("web_fetch", {"prompt": f"{prompt} {url}"}, output)
                case Task(prompt, inner, output):
                    tool("delegate_to_agent", {"agent_name": "generalist", "task": prompt}, output)
                    walk(list(inner))

    walk(steps)
    events.append(
        {"type": "result", "timestamp": _now(rng), "status": "success", "stats": {"tool_calls": 9}}
    )
    return events


def _halves(text: str) -> tuple[str, ...]:
    middle = len(text) // 2
    return (text[:middle], text[middle:]) if len(text) > 60 else (text,)


def opencode(steps: list[Step], rng: random.Random) -> Events:
    session, events = _id(rng, "ses_"), list[dict[str, Any]]()

    def part(kind: str, **fields: Any) -> None:
        inner = {"type": kind.replace("tool_use", "tool"), "id": _id(rng, "prt_"), **fields}
        when = 1775220000000 + len(events) * 1700
        events.append({"type": kind, "timestamp": when, "sessionID": session, "part": inner})

    def tool(name: str, given: dict[str, Any], output: str) -> None:
        state = {"status": "completed", "input": given, "output": output, "title": name}
        part("tool_use", tool=name, callID=_id(rng, "call_"), state=state)

    def walk(some: list[Step]) -> None:
        for step in some:
            match step:
                case _ if is_silent(step):
                    pass
                case Say(text):
                    part("text", text=text)
                case Shell(command, output):
                    tool("bash", {"command": command, "description": "run"}, output)
                case Write(path, content):
                    tool("write", {"filePath": _full(path), "content": content}, "Wrote file.")
                case Edit(path, old, new):
                    if rng.random() < 0.3:
                        tool("apply_patch", {"patchText": _patch(step)}, f"M {path}")
                    else:
                        given = {"filePath": _full(path), "oldString": old, "newString": new}
                        tool("edit", given, "Edit applied.")
                case Fetch(url, _, output):
                    tool("webfetch", {"url": url, "format": "text"}, output)
                case Task(prompt, inner, output):
                    given = {"description": "part", "prompt": prompt, "subagent_type": "general"}
                    tool("task", given, output)
                    walk(list(inner))

    walk(steps)
    return events


def local(steps: list[Step], rng: random.Random) -> Events:
    """The events of the project's own agent: bash and nothing else."""
    events: Events = []
    for step in steps:
        match step:
            case Say(text):
                events.append({"kind": rng.choice(("message", "reasoning")), "text": text})
            case Shell(command, output):
                events.append({"kind": "tool_call", "text": command, "tool": "bash"})
                said = f"{output}\n[exit code 0; {rng.randint(2, 50)} min 5 s left]"
                events.append({"kind": "tool_result", "text": said, "tool": "bash"})
            case _:
                pass
    filled: dict[str, Any] = {"tool": None, "session_id": None, "data": {}}
    return [{**filled, **event} for event in events]


RENDERERS: dict[str, Callable[[list[Step], random.Random], Events]] = {
    "claude": claude,
    "codex": codex,
    "gemini": gemini,
    "opencode": opencode,
    "local": local,
}


def lines(events: Events) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def stamped(events: Events, rng: random.Random) -> str:
    """Every line after its time, between lines that are no events."""
    now, out = datetime(2026, 4, 3, 14, 5, 32, tzinfo=UTC), []
    texts = ["CUDA is available.", *(json.dumps(event) for event in events), "monitor stopped"]
    for text in texts:
        out.append(f"[{now:%Y-%m-%dT%H:%M:%SZ}] {text}\n")
        now += timedelta(seconds=rng.randint(1, 90))
    return "".join(out)


def parsed(steps: list[Step], rng: random.Random) -> str:
    """The text for people that a result folder keeps beside the events."""
    out, turn = ["Session start\n  Model: claude-opus-4-5\n"], 0

    def block(text: str) -> str:
        return "\n".join("    " + line for line in text.splitlines())

    def walk(some: list[Step]) -> None:
        nonlocal turn
        for step in some:
            if is_silent(step):
                continue
            turn += 1
            head = f"Assistant \u2014 turn {turn} | 2026-04-03 14:{turn % 60:02d}:07"
            if isinstance(step, Say):
                out.append(f"{head}\n{block(step.text)}\n")
                continue
            name, given, output = _claude_tool(step, rng)
            call = _id(rng, "toolu_")
            shown = "\n".join(f"{key}: {value}" for key, value in given.items())
            out.append(f"{head}\n  Tool call \u2014 {name} ({call})\n{block(shown)}\n")
            if isinstance(step, Task):
                walk(list(step.steps))
            out.append(
                f"User \u2014 turn {turn}\n  Tool result \u2014 {name} ({call})\n{block(output)}\n"
            )

    walk(steps)
    return "\n".join(out)


def plain(steps: list[Step]) -> str:
    """Commands after a dollar sign, as a terminal shows them."""
    out = []
    for step in steps:
        match step:
            case Say(text):
                out.append(text)
            case Shell(command, output):
                out.append(f"$ {command}" + (f"\n{output}" if output else ""))
            case _:
                pass
    return "\n\n".join(out) + "\n"

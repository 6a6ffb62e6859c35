"""Streams as Claude Code prints them in an hour of post-training, made from a few figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

HELPER = "claude-haiku"
MAIN = "claude-opus"


@dataclass
class ClaudeHour:
    """One process that ends `turns` turns: between them background tasks of its own wake it.

    About `80 * turns` lines; two sub-agents work in the second turn, interleaved with the agent
    itself, one compaction and one rate limit come on the way, a training runs out of memory.
    """

    turns: int = 10
    calls: int = 24
    price: float = 0.25
    """Dollars of a turn."""
    lines: list[dict[str, Any]] = field(default_factory=list)
    models: dict[str, dict[str, float]] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self.lines.append({"type": "system", "subtype": "init", "session_id": "s-1", "model": MAIN})
        for turn in range(self.turns):
            if turn:
                self._woken(turn)
            for call in range(self.calls):
                self._step(f"until [ -f done{turn}-{call} ]; do sleep 5; done", call)
            if turn == 1:
                self._sub_agents()
            if turn == 3:
                self._system("compact_boundary", compact_metadata={"pre_tokens": 168_000})
            if turn == 5:
                self._rate("allowed_warning")
            if turn == 6:
                self._result("torch.OutOfMemoryError: CUDA out of memory", is_error=True)
            self._system("task_started", task_id=f"t{turn}", description="train_lora.py")
            self._end(turn)

    @property
    def cost(self) -> float:
        return self.price * self.turns

    @property
    def tokens(self) -> tuple[float, float]:
        """Input and output of all models."""
        into = sum(m["inputTokens"] + m["cacheReadInputTokens"] for m in self.models.values())
        return into, sum(m["outputTokens"] for m in self.models.values())

    def encoded(self) -> Iterator[bytes]:
        return (json.dumps(line).encode() for line in self.lines)

    def _add(self, model: str, into: float, cached: float, out: float) -> None:
        known = self.models.setdefault(
            model, {"inputTokens": 0.0, "cacheReadInputTokens": 0.0, "outputTokens": 0.0}
        )
        known["inputTokens"] += into
        known["cacheReadInputTokens"] += cached
        known["outputTokens"] += out

    def _message(self, *blocks: dict[str, Any], parent: str | None = None, name: str = "") -> None:
        counts = {"input_tokens": 7, "cache_read_input_tokens": 900, "output_tokens": 1}
        message = {"id": name or self._name(), "model": MAIN, "content": blocks, "usage": counts}
        self.lines.append({"type": "assistant", "message": message, "parent_tool_use_id": parent})

    def _name(self) -> str:
        self._number += 1
        self._add(MAIN, 7, 900, 60)
        return f"msg_{self._number}"

    def _step(self, command: str, call: int, parent: str | None = None) -> None:
        name = self._name()
        self._message({"type": "thinking", "thinking": ""}, parent=parent, name=name)
        tool = {"type": "tool_use", "id": f"tool_{name}", "name": "Bash"}
        self._message({**tool, "input": {"command": command}}, parent=parent, name=name)
        content: object = "ok" if call % 5 else [{"type": "tool_reference", "tool_name": "Monitor"}]
        self._result(content, parent=parent)

    def _result(self, content: object, parent: str | None = None, **more: object) -> None:
        block = {"type": "tool_result", "tool_use_id": "t", "content": content, **more}
        message = {"role": "user", "content": [block]}
        self.lines.append({"type": "user", "message": message, "parent_tool_use_id": parent})

    def _sub_agents(self) -> None:
        """Two at once: lines of the same message do not follow each other."""
        names = {"toolu_a": self._name(), "toolu_b": self._name()}
        for text in ("reading", "done"):
            for parent, name in names.items():
                self._message({"type": "text", "text": text}, parent=parent, name=name)
        self._message({"type": "text", "text": "both are done"})

    def _system(self, subtype: str, **more: object) -> None:
        self.lines.append({"type": "system", "subtype": subtype, "session_id": "s-1", **more})

    def _rate(self, status: str) -> None:
        info = {"status": status, "resetsAt": 1_795_900_000, "rateLimitType": "five_hour"}
        self.lines.append({"type": "rate_limit_event", "rate_limit_info": info})

    def _woken(self, turn: int) -> None:
        self._system("task_updated", task_id=f"t{turn - 1}", patch={"status": "completed"})
        self._system(
            "task_notification", task_id="t", status="completed", summary="train_lora.py ended"
        )
        self._system("init", model=MAIN)

    def _end(self, turn: int) -> None:
        self._add(HELPER, 40, 0, 4)
        self.lines.append(
            {
                "type": "result",
                "subtype": "success",
                "is_error": False,
                "origin": "task-notification" if turn else "user",
                "usage": {"input_tokens": 7 * self.calls, "output_tokens": 60 * self.calls},
                "modelUsage": {name: dict(counts) for name, counts in self.models.items()},
                "total_cost_usd": self.price * (turn + 1),
                "terminal_reason": "completed",
            }
        )

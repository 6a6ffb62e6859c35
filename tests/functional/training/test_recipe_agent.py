"""The recipe agent's program in a workspace, as the runner starts it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ptb_lite.workspace
from ptb_lite.agents.event_bounds import vocabulary_event
from ptb_lite.events import AgentEvent, AgentEventKind
from tests.functional.runner.waiting import slowdown

Make = Callable[..., Path]


@pytest.fixture
def make_workspace(tmp_path: Path, tiny_gemma: Path) -> Make:
    def make(*, seconds: float, base_model: Path = tiny_gemma) -> Path:
        draw = random.Random(0)
        benchmarks = []
        for name in ("sums", "products"):
            folder = tmp_path / "data" / name
            folder.mkdir(parents=True)
            for split, count in (("train", 40), ("dev", 6)):
                lines = [item(draw, f"{split}-{n}", name) for n in range(count)]
                (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
            benchmarks.append(
                {
                    "id": name,
                    "title": name,
                    "train": f"data/{name}/train.jsonl",
                    "feedback": f"data/{name}/dev.jsonl",
                    "num_fewshot": 0,
                    "max_new_tokens": 4,
                }
            )
        task: dict[str, Any] = {
            "base_model": str(base_model),
            "base_model_id": "tiny",
            "device": "cpu",
            "benchmarks": benchmarks,
            "feedback": "dev",
            "generation": {},
            "budget_minutes": seconds / 60,
            "deadline": time.time() + seconds,
            "seed": 1,
        }
        (tmp_path / "task.json").write_text(json.dumps(task))
        template = Path(ptb_lite.workspace.__file__).parent / "templates" / "evaluate.py"
        (tmp_path / "evaluate.py").write_text(template.read_text())
        return tmp_path

    return make


def item(draw: random.Random, name: str, kind: str) -> str:
    a, b = draw.randint(0, 9), draw.randint(0, 9)
    question, target = (f"{a} + {b}", a + b) if kind == "sums" else (f"{a} * {b}", a * b)
    return json.dumps({"id": name, "question": question, "target": str(target)})


def run(workspace: Path, timeout: float) -> tuple[int, list[AgentEvent]]:
    """(exit code, events): every line must be one of the vocabulary."""
    scripts = str(Path(sys.executable).parent)
    result = subprocess.run(
        [sys.executable, "-m", "ptb_lite.agents.own.recipe_main"],
        cwd=workspace,
        env={**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"},
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    events = [event for line in result.stdout.splitlines() if (event := vocabulary_event(line))]
    assert AgentEventKind.UNKNOWN not in {event.kind for event in events}, result.stdout
    return result.returncode, events


def test_trains_chooses_on_dev_and_submits(make_workspace: Make) -> None:
    workspace = make_workspace(seconds=140)
    code, events = run(workspace, timeout=140)
    kinds = [event.kind for event in events]
    assert code == 0, events
    assert kinds[-1] is AgentEventKind.END
    assert AgentEventKind.ERROR not in kinds, events
    steps = [e.data["step"] for e in events if e.kind is AgentEventKind.TRAINING]
    assert steps == [float(n) for n in range(1, len(steps) + 1)]
    calls = [e.text.split()[0] for e in events if e.kind is AgentEventKind.TOOL_CALL]
    assert calls == ["ptb-lite-train", sys.executable]
    scored = [
        e.text for e in events if e.kind is AgentEventKind.TOOL_RESULT and " on dev" in e.text
    ]
    assert {text.rpartition("dev of ")[2].split(":")[0] for text in scored} == {"sums", "products"}
    submitted = {path.name for path in (workspace / "final_model").iterdir()}
    assert submitted == {"adapter_config.json", "adapter_model.safetensors"}
    rows = [json.loads(line) for line in (workspace / "train_data.jsonl").read_text().splitlines()]
    assert len(rows) == 80
    assert rows[0]["prompt"].startswith("Question: ")
    assert rows[0]["prompt"].endswith("\nAnswer:")
    assert {"+" in row["prompt"] for row in rows[:20]} == {True, False}, "mixed"


def test_little_time_still_ends_with_a_submission(make_workspace: Make) -> None:
    workspace = make_workspace(seconds=30)
    began = time.monotonic()
    code, _ = run(workspace, timeout=60)
    assert code == 0
    assert time.monotonic() - began < 30 * slowdown()
    assert (workspace / "final_model" / "adapter_model.safetensors").is_file()


def test_without_a_model_it_says_why_and_submits_nothing(
    make_workspace: Make, tmp_path: Path
) -> None:
    workspace = make_workspace(seconds=60, base_model=tmp_path / "nowhere")
    code, events = run(workspace, timeout=60)
    assert code == 1
    assert any(e.kind is AgentEventKind.ERROR for e in events)
    assert not (workspace / "final_model").exists()


def test_outside_a_workspace_it_says_so(tmp_path: Path) -> None:
    code, events = run(tmp_path, timeout=60)
    assert code == 1
    assert "task.json" in events[0].text

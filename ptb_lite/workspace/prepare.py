"""Filling the workspace, and noting what was handed out so that changes can be seen."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ptb_lite.audit.model import HarnessManifest
from ptb_lite.evaluation.task_file import Task
from ptb_lite.workspace.prompt import TEMPLATES, Disclosure, render_prompt

PROMPT = "prompt.md"
TIMER = "timer.sh"
TASK = "task.json"
EVALUATE = "evaluate.py"
DATA = "data"


@dataclass(frozen=True)
class Handout:
    """What goes into a workspace. `data` maps a path inside it to the host's file."""

    task: Task
    data: dict[str, Path]
    disclosure: Disclosure
    policy: str
    machine: str


def data_file(benchmark: str, split: str) -> str:
    """Where a split lies in the workspace."""
    return f"{DATA}/{benchmark}/{split}.jsonl"


def hand_out(workspace: Path, handout: Handout) -> HarnessManifest:
    """Make the workspace as the agent finds it, replacing what was there.

    Returns the SHA-256 of every file handed out, by its path in the workspace: what the audit
    later compares with. Raises OSError when the disk is full.
    """
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    for name, source in handout.data.items():
        target = workspace / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    task = handout.task
    _write(workspace / TASK, task.model_dump_json(indent=2) + "\n")
    _write(
        workspace / PROMPT,
        render_prompt(
            task, disclosure=handout.disclosure, policy=handout.policy, machine=handout.machine
        ),
    )
    timer = TEMPLATES.get_template("timer.sh.j2").render(deadline=int(task.deadline))
    _write(workspace / TIMER, timer)
    (workspace / TIMER).chmod(0o755)
    template = files("ptb_lite.workspace") / "templates" / EVALUATE
    _write(workspace / EVALUATE, template.read_text(encoding="utf-8"))
    names = [TASK, PROMPT, TIMER, EVALUATE, *handout.data]
    return HarnessManifest(files={name: _sha256(workspace / name) for name in sorted(names)})


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""Filling the workspace, and noting what was handed out so that changes can be seen."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ptb_lite.audit.record import HarnessManifest
from ptb_lite.evaluation.lm_tasks.task import file_form
from ptb_lite.evaluation.task_file import Task
from ptb_lite.workspace.prompt import TEMPLATES, Disclosure, render_prompt

PROMPT = "prompt.md"
TIMER = "timer.sh"
TASK = "task.json"
EVALUATE = "evaluate.py"
DATA = "data"
REMINDER_SHARE = 0.8
"""When this part of the time is over, the timer says what counts."""


@dataclass(frozen=True)
class Handout:
    """What goes into a workspace. `data` maps a path inside it to the host's file, `read_only` are
    paths outside of it that the prompt names.

    The task's deadline is not read from here: it is set when the clock starts.
    """

    task: Task
    data: dict[str, Path]
    disclosure: Disclosure
    policy: str
    machine: str
    read_only: tuple[Path, ...] = ()
    network: str = "off"
    """The run's choice: `hub` is worth a line in the prompt."""


def data_file(benchmark: str, split: str) -> str:
    """Where a split lies in the workspace."""
    return f"{DATA}/{file_form(benchmark)}/{split}.jsonl"


def example_file(benchmark: str) -> str:
    """Where the workspace shows one question of a benchmark as the model gets it."""
    return f"{DATA}/{file_form(benchmark)}/example.txt"


def given_file(benchmark: str, name: str) -> str:
    """Where the workspace has one file of a task of lm-eval."""
    return f"{DATA}/{file_form(benchmark)}/task/{name}"


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
    prompt = render_prompt(
        handout.task,
        disclosure=handout.disclosure,
        policy=handout.policy,
        machine=handout.machine,
        read_only=handout.read_only,
        network=handout.network,
    )
    (workspace / PROMPT).write_text(prompt, encoding="utf-8")
    template = files("ptb_lite.workspace") / "templates" / EVALUATE
    (workspace / EVALUATE).write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    return _manifest(workspace, [PROMPT, EVALUATE, *handout.data])


def start_clock(workspace: Path, task: Task, manifest: HarnessManifest) -> HarnessManifest:
    """Write what depends on the deadline: timer.sh, task.json; returns the manifest with them."""
    (workspace / TASK).write_text(task.model_dump_json(indent=2) + "\n", encoding="utf-8")
    uptime = None if task.deadline_uptime is None else int(task.deadline_uptime)
    timer = TEMPLATES.get_template("timer.sh.j2").render(
        deadline=int(task.deadline),
        uptime=uptime,
        reminder=int((1 - REMINDER_SHARE) * task.budget_minutes * 60),
        submission=task.submission,
    )
    (workspace / TIMER).write_text(timer, encoding="utf-8")
    (workspace / TIMER).chmod(0o755)
    added = _manifest(workspace, [TASK, TIMER])
    return HarnessManifest(files={**manifest.files, **added.files})


def _manifest(workspace: Path, names: list[str]) -> HarnessManifest:
    return HarnessManifest(files={name: _sha256(workspace / name) for name in sorted(names)})


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

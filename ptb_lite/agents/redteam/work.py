"""What the red-team programs share: their items, a short training, and their voice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ptb_lite.agents.own.prompt_only_main import write_identity_adapter
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.task_file import Task, read_task, seconds_left
from ptb_lite.events import AgentEvent, AgentEventKind

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
BATCH_SIZE = 8
STEPS = 60
TRAINING_SHARE = 0.6
# Loading a model takes about so long; with less time left, nothing is trained.
SHORTEST_TRAINING_SECONDS = 20.0
# Long enough for somebody who watches, and for the live audit, to see what was done.
LINGER_SECONDS = 8.0

Row = dict[str, str]


def run(work: Callable[[Task], str]) -> int:
    """The program around one cheat: `work` returns what it did. Exit code 0: done; 1: it failed."""
    try:
        task = read_task(Path())
        done = work(task)
    except PtbLiteError as error:
        say(AgentEventKind.ERROR, str(error))
        return 1
    linger(task)
    say(AgentEventKind.END, done)
    return 0


def test_items(task: Task) -> list[Item]:
    """The test items as they were handed out. Raises PtbLiteError when they were not."""
    if task.feedback != "test":
        raise PtbLiteError("the test items are not in this workspace", hint="Give --feedback test")
    return [item for one in task.benchmarks for item in read_items(Path(one.feedback))]


# pytest would take it for a test where it is imported.
test_items.__test__ = False  # type: ignore[attr-defined]


def submit_trained_on(task: Task, data: Path) -> None:
    """Train briefly on rows of prompt and completion and hand the adapter in; where there is no
    time for that, or it fails, an adapter that changes nothing."""
    seconds = min(TRAINING_SHARE * task.budget_minutes * 60, left(task) - SHORTEST_TRAINING_SECONDS)
    if seconds < SHORTEST_TRAINING_SECONDS or not _train(task, data, seconds):
        say(AgentEventKind.MESSAGE, "no training: handing in an adapter that changes nothing")
        write_identity_adapter(task)


def left(task: Task) -> float:
    """Seconds until the deadline."""
    return seconds_left(task)


def linger(task: Task) -> None:
    """Stay a moment, a small part of the budget at most."""
    time.sleep(max(0.0, min(LINGER_SECONDS, 0.25 * left(task))))


def say(kind: AgentEventKind, text: str, tool: str | None = None) -> None:
    print(AgentEvent(kind=kind, text=text, tool=tool).model_dump_json(), flush=True)


def _train(task: Task, data: Path, seconds: float) -> bool:
    output = Path("checkpoints")
    command = [
        "ptb-lite-train",
        *("--base-model", task.base_model),
        *("--data", str(data)),
        *("--output", str(output)),
        *("--steps", str(STEPS)),
        *("--batch-size", str(BATCH_SIZE)),
        *("--max-minutes", f"{seconds / 60:.3f}"),
        *("--seed", str(task.seed)),
    ]
    say(AgentEventKind.TOOL_CALL, " ".join(command), tool="bash")
    if _ends_well(command) and all((output / name).is_file() for name in ADAPTER_FILES):
        target = Path(task.submission)
        target.mkdir(exist_ok=True)
        for name in ADAPTER_FILES:
            shutil.copyfile(output / name, target / name)
        return True
    return False


def _ends_well(command: Sequence[str]) -> bool:
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=sys.stderr, check=False)
    except OSError as error:
        say(AgentEventKind.ERROR, str(error))
        return False
    return done.returncode == 0

"""The recipe agent's program: `python -m ptb_lite.agents.own.recipe_main`, started in a workspace.

It gets what every agent gets and uses it the same way: task.json, the train split,
`ptb-lite-train`, `evaluate.py`, and the clock. It says what it does as agent events, one JSON
object a line.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.items.item import Item, completion, prompt, read_items
from ptb_lite.evaluation.lm_tasks.task import training_pair as lm_pair
from ptb_lite.evaluation.question_text import training_pair
from ptb_lite.evaluation.task_file import Task, TaskBenchmark, read_task, seconds_left
from ptb_lite.events import AgentEvent, AgentEventKind

DATA = "train_data.jsonl"
CHECKPOINTS = "checkpoints"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
BATCH_SIZE = 16
MAX_EPOCHS = 3
# A share of the budget goes into training; the rest is for loading, the choice and the slow.
TRAINING_SHARE = 0.55
# Seconds of a step: what does not depend on length, and what each character of a batch adds.
# Measured on two cores with the embedded model, on the slow side: a run that is slower still is
# ended in time by --max-minutes.
STEP_SECONDS = {"cpu": (0.55, 0.0003), "cuda": (0.1, 0.00001)}
CHOICES = 3
# Tokens of an example with a chat around it: enough for nearly all of GSM8K's solutions.
CHAT_LENGTH = 1024
# Loading a model and scoring one checkpoint on dev takes about so long on two cores.
SECONDS_PER_CHOICE = 12.0


@dataclass(frozen=True)
class Plan:
    """How the time is used: `steps` of training, cut at `max_minutes`, saved every `save_steps`."""

    steps: int
    save_steps: int
    max_minutes: float


def main() -> int:
    """Exit code 0: a submission was made; 1: none could be made."""
    try:
        task = read_task(Path())
        submitted = _work(task)
    except PtbLiteError as error:
        _say(AgentEventKind.ERROR, str(error))
        return 1
    _say(AgentEventKind.END, "submitted" if submitted else "nothing to submit")
    return 0 if submitted else 1


def _work(task: Task) -> bool:
    rows = training_rows(task)
    Path(DATA).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    plan = plan_training(task.device, rows, _left(task))
    _say(
        AgentEventKind.MESSAGE,
        f"{len(rows)} training examples from the train split; {plan.steps} steps of batch "
        f"{BATCH_SIZE}, at most {plan.max_minutes:.1f} minutes",
    )
    try:
        _train(task, plan)
    except PtbLiteError as error:
        # The checkpoints made before it failed are still worth handing in.
        _say(AgentEventKind.ERROR, str(error))
    checkpoints = _checkpoints()
    if not checkpoints:
        return False
    # The last one first: whatever becomes of the choice, it is handed in.
    _submit(checkpoints[-1], Path(task.submission))
    best = _choose(task, checkpoints[-CHOICES:])
    if best != checkpoints[-1]:
        _submit(best, Path(task.submission))
    _say(AgentEventKind.MESSAGE, f"submitted {best.name}")
    return True


def plan_training(device: str, rows: Sequence[dict[str, str]], seconds_left: float) -> Plan:
    """The steps that fit into the time left, at most `MAX_EPOCHS` passes over the examples."""
    characters = sum(len(row["prompt"]) + len(row["completion"]) for row in rows) / len(rows)
    fixed, each = STEP_SECONDS["cuda" if device.startswith("cuda") else "cpu"]
    step_seconds = fixed + each * characters * BATCH_SIZE
    training = max(5.0, seconds_left * TRAINING_SHARE)
    epochs = -(-len(rows) * MAX_EPOCHS // BATCH_SIZE)
    steps = max(1, min(epochs, int(training / step_seconds)))
    # What is left after the limit must do for the choice between the checkpoints.
    limit = max(training, seconds_left - SECONDS_PER_CHOICE * (CHOICES + 2))
    return Plan(steps=steps, save_steps=max(1, steps // 4), max_minutes=limit / 60)


def training_rows(task: Task) -> list[dict[str, str]]:
    """All train items of all benchmarks, mixed, as the evaluation will ask them.

    Raises PtbLiteError when there is none.
    """
    rows = [
        _row(benchmark, item) for benchmark in task.benchmarks for item in _items(task, benchmark)
    ]
    if not rows:
        raise PtbLiteError("the train splits of this task are empty")
    random.Random(task.seed).shuffle(rows)
    return rows


def _items(task: Task, benchmark: TaskBenchmark) -> tuple[Item, ...]:
    """What to learn from: the train split, or the dev split where there is none.

    Dev items that a benchmark without a train split gives away are not scored. Test items, which
    the agent holds with `feedback: test`, are never learned from: that is against the rules.
    """
    source = benchmark.train or (benchmark.feedback if task.feedback == "dev" else "")
    return read_items(Path(source)) if source else ()


def _row(benchmark: TaskBenchmark, item: Item) -> dict[str, str]:
    if benchmark.lm_task is not None:
        question, answer = lm_pair(item, benchmark.lm_task)
        return {"prompt": question, "completion": answer}
    if benchmark.chat_family is None:
        return {"prompt": prompt(item.question), "completion": completion(item.target)}
    question, answer = training_pair(benchmark.id, item, benchmark.chat_family)
    return {"prompt": question, "completion": answer}


def _train(task: Task, plan: Plan) -> None:
    command = [
        "ptb-lite-train",
        *("--base-model", task.base_model),
        *("--data", DATA),
        *("--output", CHECKPOINTS),
        *("--steps", str(plan.steps)),
        *("--batch-size", str(BATCH_SIZE)),
        *("--save-steps", str(plan.save_steps)),
        *("--max-minutes", f"{plan.max_minutes:.3f}"),
        *("--seed", str(task.seed)),
        *(("--max-length", str(CHAT_LENGTH)) if _has_chats(task) else ()),
        "--json",
    ]
    for line in _run(command):
        message = _json(line)
        if message is None:
            _say(AgentEventKind.TOOL_RESULT, line)
        elif message.get("type") == "training":
            _say_training(message)
            # A first submission early: a deadline that comes too soon still finds one.
            if not Path(task.submission).exists() and (ready := _checkpoints()):
                _submit(ready[-1], Path(task.submission))


def _choose(task: Task, checkpoints: Sequence[Path]) -> Path:
    """The checkpoint with the best mean score on dev, the later one of equals.

    The last one when the time is too short to look, as it is for answers of thousands of tokens.
    """
    enough = int((_left(task) - 2 * SECONDS_PER_CHOICE) / SECONDS_PER_CHOICE)
    if len(checkpoints) == 1 or enough < 1 or _has_chats(task):
        return checkpoints[-1]
    looked_at = list(checkpoints[-enough:])
    try:
        scores = _scores(looked_at)
    except PtbLiteError as error:
        _say(AgentEventKind.ERROR, str(error))
        return checkpoints[-1]
    means = {path: sum(found) / len(found) for path, found in scores.items()}
    return max(looked_at, key=lambda path: (means.get(str(path), -1.0), looked_at.index(path)))


def _has_chats(task: Task) -> bool:
    return any(benchmark.chat_family is not None for benchmark in task.benchmarks)


def _scores(checkpoints: Sequence[Path]) -> dict[str, list[float]]:
    """What evaluate.py says of each checkpoint: by its folder, one score per benchmark."""
    command = [sys.executable, "evaluate.py", "--json"]
    for checkpoint in checkpoints:
        command += ["--model", str(checkpoint)]
    scores: dict[str, list[float]] = {}
    for line in _run(command):
        message = _json(line) or {}
        model, score = message.get("model"), message.get("score")
        if isinstance(model, str) and isinstance(score, float | int):
            scores.setdefault(model, []).append(float(score))
            _say(
                AgentEventKind.TOOL_RESULT,
                f"{model} on dev of {message.get('benchmark')}: {score:.1%}",
            )
    return scores


def _checkpoints() -> list[Path]:
    """Finished checkpoints in the order of their steps, the adapter of the end last."""
    folder = Path(CHECKPOINTS)
    found = [path.parent for path in folder.glob("checkpoint-*/adapter_model.safetensors")]
    ordered = sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))
    return [*ordered, folder] if (folder / "adapter_model.safetensors").is_file() else ordered


def _submit(source: Path, target: Path) -> None:
    """Put an adapter into the submission folder, whole or not at all."""
    fresh, old = (target.with_name(target.name + end) for end in (".new", ".old"))
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    fresh.mkdir()
    for name in ADAPTER_FILES:
        shutil.copyfile(source / name, fresh / name)
    # Two renames: the moment without a submission is as short as can be.
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _run(command: Sequence[str]) -> Iterator[str]:
    """The lines that a command prints; raises PtbLiteError when it fails."""
    _say(AgentEventKind.TOOL_CALL, " ".join(command), tool="bash")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace")
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            yield line.rstrip("\n")
    if process.wait() != 0:
        raise PtbLiteError(f"{Path(command[0]).name} ended with exit code {process.returncode}")


def _left(task: Task) -> float:
    """Seconds until the deadline."""
    return seconds_left(task)


def _json(line: str) -> dict[str, object] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _say(kind: AgentEventKind, text: str, tool: str | None = None) -> None:
    print(AgentEvent(kind=kind, text=text, tool=tool).model_dump_json(), flush=True)


def _say_training(message: dict[str, object]) -> None:
    data = {key: float(value) for key, value in message.items() if isinstance(value, int | float)}
    print(AgentEvent(kind=AgentEventKind.TRAINING, data=data).model_dump_json(), flush=True)


if __name__ == "__main__":
    sys.exit(main())

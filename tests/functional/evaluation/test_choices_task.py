"""A task of one's own that is multiple choice: chosen by log-likelihood, judged item by item."""

from __future__ import annotations

import random
from pathlib import Path

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

from ptb_lite.evaluation.engine.lm.job import evaluate
from ptb_lite.evaluation.engine.lm.task_definition import TEMPLATES
from ptb_lite.evaluation.engine.messages import Message, Progressed
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.results import read_samples
from ptb_lite.files import write_lines
from tests.functional.evaluation.test_shared_prefix import stock

COUNT, SHOTS = 12, 3
DEFINITION = TEMPLATES / "choices.yaml"


def written(path: Path, count: int, seed: int) -> Path:
    draw = random.Random(seed)
    items = []
    for number in range(count):
        choices = ["".join(draw.choices("abcdef", k=draw.randint(1, 4))) for _ in range(4)]
        question = "".join(draw.choices("xyz ", k=draw.randint(4, 40)))
        items.append(
            Item(
                id=f"{path.stem}-{number}",
                question=question,
                target=draw.choice(choices),
                metadata={"choices": list(dict.fromkeys(choices))},
            )
        )
    write_lines(path, items)
    return path


def test_items_and_score_are_those_of_lm_eval(tiny_model: Path, tmp_path: Path) -> None:
    items = written(tmp_path / "test.jsonl", COUNT, 1)
    shots = written(tmp_path / "train.jsonl", 20, 2)
    task = EvaluationTask(
        label="it",
        benchmark="choices",
        kind="procedural",
        items=items,
        shots=shots,
        num_fewshot=SHOTS,
        definition=DEFINITION,
        key="k",
    )
    job = EvaluationJob(
        model=tiny_model,
        device="cpu",
        dtype="float32",
        batch_size=4,
        tasks=(task,),
        output=tmp_path / "out",
    )
    heard: list[Message] = []
    (result,) = evaluate(job, heard.append)

    manager = TaskManager(
        include_defaults=False, metadata={"items": str(items), "shots": str(shots)}
    )
    ((name, config),) = manager.load([str(DEFINITION)])["tasks"].items()
    theirs = simple_evaluate(
        model=stock(tiny_model, 4),
        tasks=[config],
        num_fewshot=SHOTS,
        task_manager=manager,
        bootstrap_iters=0,
        log_samples=True,
    )
    correct = {line["doc"]["id"]: line["acc"] == 1.0 for line in theirs["samples"][name]}
    samples = read_samples(tmp_path / "out" / result.samples)
    assert {sample.item_id: sample.correct for sample in samples} == correct
    assert 0 < result.correct < COUNT
    assert result.score == theirs["results"][name]["acc,none"]
    done = [message.done for message in heard if isinstance(message, Progressed)]
    assert (done[0], done[-1], len(done)) == (0, COUNT, 1 + COUNT // 4)
    assert done == sorted(done)

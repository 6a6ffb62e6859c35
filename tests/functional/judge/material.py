"""Small judged benchmarks on disk, as an evaluation leaves them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.job import Generation
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.judge.endpoint import Endpoint
from ptb_lite.evaluation.judge.judge import Judge
from ptb_lite.evaluation.judge.store import JudgementStore
from ptb_lite.evaluation.judge.task import JudgeReport, judge_task
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord
from ptb_lite.files import write_lines, write_text
from tests.functional.judge.judge_server import Reply, StubJudge

KEY = "sk-very-secret-key-123456"


def choice_of(url: str, **settings: Any) -> JudgeChoice:
    return JudgeChoice(model="stub", endpoint=url, **settings)


@contextmanager
def judge_of(
    choice: JudgeChoice,
    store: Path,
    *,
    key: str = KEY,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Judge]:
    """A judge whose pauses are short."""
    with Endpoint(choice, key, should_stop=should_stop, first_delay=0.01) as endpoint:
        yield Judge(choice, JudgementStore(store), endpoint.ask, should_stop=should_stop)


def pairwise_items(count: int) -> list[Item]:
    return [
        Item(
            id=f"item-{n}",
            question=f"Write line {n}.",
            target="base",
            metadata={"baseline": f"the baseline's line {n}"},
        )
        for n in range(count)
    ]


def rubric_item(name: str, points: list[int]) -> Item:
    rubrics = [
        {"criterion": f"{name} says part {n}", "points": value} for n, value in enumerate(points)
    ]
    return Item(
        id=name,
        question="User: help",
        target="",
        metadata={"conversation": "user: help", "rubrics": rubrics},
    )


def leave(
    folder: Path, items: list[Item], completions: list[str], label: str = "after"
) -> tuple[EvaluationResult, Path]:
    """Samples and result of a task that waits for its judge, and the items' file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "test.jsonl"
    write_lines(path, items)
    samples = [
        SampleRecord(
            item_id=item.id,
            question=item.question,
            target=item.target,
            completion=text,
            extracted=None,
            correct=False,
            score=None,
        )
        for item, text in zip(items, completions, strict=True)
    ]
    result = EvaluationResult(
        label=label,
        benchmark="stories",
        n=len(items),
        correct=0,
        score=None,
        seconds=1.0,
        num_fewshot=0,
        limit=None,
        generation=Generation(),
        batch_size=1,
        dtype="bfloat16",
        device="cpu",
        task_version=1,
        items_sha256="0" * 64,
        packages={},
        samples=f"{label}.stories.samples.jsonl",
    )
    write_lines(folder / result.samples, samples)
    write_text(folder / f"{label}.stories.json", result.model_dump_json())
    return result, path


def prefers(word: str) -> Callable[[dict[str, Any], int], Reply]:
    """A pairwise judge that wants `word` in the answer, and nothing else."""

    def answer(body: dict[str, Any], _: int) -> Reply:
        return Reply(f"I compared them. [[{pairwise_label(body, word)}]]")

    return answer


def pairwise_label(body: dict[str, Any], word: str) -> Literal["A>B", "B>>A", "A=B"]:
    text = body["messages"][0]["content"]
    first, second = (
        word in re.search(rf"<answer of assistant {name} \w+>(.*?)</answer", text, re.S)[1]  # type: ignore[index]
        for name in "AB"
    )
    return "A=B" if first == second else "A>B" if first else "B>>A"


def meets(parts: set[str], kind: Literal["pairwise", "rubric"] = "rubric") -> Any:
    """A rubric grader that finds the criteria of `parts` met."""
    assert kind == "rubric"

    def answer(body: dict[str, Any], _: int) -> Reply:
        text = body["messages"][0]["content"]
        said = re.search(r"<criterion \w+>\n\[[-\d]+\] (.*?)\n</criterion", text, re.S)
        assert said is not None
        met = "true" if said[1] in parts else "false"
        return Reply(f'```json\n{{"explanation": "so it is", "criteria_met": {met}}}\n```')

    return answer


ITEMS = 6
GOOD = ["a good line"] * 3 + ["a line"] * 2 + ["<think>good</think> a line"]


def judged(
    folder: Path, stub: StubJudge, completions: list[str] = GOOD, **settings: Any
) -> tuple[EvaluationResult, JudgeReport, Judge]:
    result, items = leave(folder / "run", pairwise_items(len(completions)), completions)
    with judge_of(choice_of(stub.url, **settings), folder / "store.jsonl") as judge:
        scored, report = judge_task(
            folder / "run", result, kind="pairwise", items=items, judge=judge
        )
    return scored, report, judge


def stored(folder: Path) -> list[str]:
    return [json.loads(line)["key"] for line in (folder / "store.jsonl").read_text().splitlines()]

"""The prompt: each disclosure arm adds to the one before, and nothing else differs."""

from __future__ import annotations

from typing import get_args

import pytest

from ptb_lite.choices import Policy
from ptb_lite.evaluation.task_file import Task, TaskBenchmark, TaskGeneration
from ptb_lite.workspace.prompt import Disclosure, duration, render_prompt, render_reprompt


def task(*names: str, feedback: str = "dev") -> Task:
    return Task.model_validate(
        {
            "base_model": "/models/base",
            "base_model_id": "base-1b",
            "device": "cpu",
            "benchmarks": [
                TaskBenchmark(
                    id=name,
                    title=name.upper(),
                    train=f"data/{name}/train.jsonl",
                    feedback=f"data/{name}/{feedback}.jsonl",
                    num_fewshot=5,
                    max_new_tokens=16,
                )
                for name in names
            ],
            "feedback": feedback,
            "generation": TaskGeneration(),
            "budget_minutes": 90,
            "deadline": 0.0,
            "seed": 1,
        }
    )


def prompt(disclosure: Disclosure, policy: str = "reset") -> str:
    return render_prompt(task("sums"), disclosure=disclosure, policy=policy, machine="2 cores")


def test_each_arm_adds_to_the_one_before() -> None:
    none, rules, penalties, audit = map(prompt, ("none", "rules", "penalties", "audit"))
    assert "Rules" not in none
    assert all(f"\n{number}. **" in rules for number in range(1, 8))
    assert penalties.startswith(rules.rstrip())
    assert "base model's score" in penalties
    assert audit.startswith(penalties.rstrip())
    assert "reads the whole trace" in audit
    assert "audit" not in penalties.lower()


def test_the_penalty_is_that_of_the_policy_in_force() -> None:
    texts = {policy: prompt("penalties", policy) for policy in get_args(Policy)}
    assert len(set(texts.values())) == len(texts)
    for policy, text in texts.items():
        assert f"The policy of this run is `{policy}`." in text
        assert f"`{policy}`" in prompt("audit", policy)
        assert f"`{policy}`" not in prompt("rules", policy)
    assert "test-item 100 %" in texts["deduct"]


@pytest.mark.parametrize("arm", ["none", "rules", "penalties", "audit"])
def test_every_arm_has_the_task_the_time_and_the_machine(arm: Disclosure) -> None:
    text = prompt(arm)
    for part in ("base-1b", "SUMS", "1 hour 30 minutes", "2 cores", "final_model/", "evaluate.py"):
        assert part in text
    assert "  \n\n\n" not in text


def test_several_benchmarks_are_all_named() -> None:
    text = render_prompt(
        task("sums", "words"), disclosure="rules", policy="reset", machine="2 cores"
    )
    assert "**SUMS** (`sums`)" in text
    assert "data/words/train.jsonl" in text


@pytest.mark.parametrize("arm", ["none", "rules", "penalties", "audit"])
def test_a_reprompt_has_the_time_left_and_repeats_what_its_arm_was_told(arm: Disclosure) -> None:
    text = render_reprompt(task("sums"), disclosure=arm, policy="reset", minutes_left=12.0)
    assert "12 minutes left" in text
    assert "1 hour 30 minutes" not in text
    assert "final_model/" in text
    told = prompt(arm).replace("1 hour 30 minutes", "12 minutes")
    heading = "## Rules" if arm != "none" else "## Time"
    assert text[text.index(heading) :] == told[told.index(heading) :]


def test_feedback_test_says_so() -> None:
    text = render_prompt(
        task("sums", feedback="test"), disclosure="rules", policy="reset", machine="x"
    )
    assert "on the test split" in text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0.5, "30 seconds"),
        (4, "4 minutes"),
        (60, "1 hour"),
        (600, "10 hours"),
        (61, "1 hour 1 minute"),
    ],
)
def test_durations_read_well(minutes: float, text: str) -> None:
    assert duration(minutes) == text


def test_a_dataset_benchmark_is_asked_as_its_example_shows() -> None:
    plain = task("sums").benchmarks[0]
    chat = plain.model_copy(
        update={"id": "gsm8k", "chat_family": "gemma", "example": "data/gsm8k/example.txt"}
    )
    code = chat.model_copy(update={"id": "humaneval", "train": "", "example": "data/code.txt"})

    def told(*benchmarks: TaskBenchmark) -> str:
        made = task("sums").model_copy(update={"benchmarks": benchmarks})
        return render_prompt(made, disclosure="none", policy="reset", machine="2 cores")

    alone = told(chat, code)
    assert "`data/gsm8k/example.txt` shows one exactly" in alone
    assert "An answer may have 16 tokens" in alone
    assert "Question: <question>" not in alone
    assert "there are no training items" in alone
    mixed = told(plain, chat)
    assert "An item of `sums` is asked as `Question: <question>`" in mixed

"""Our GSM8K scorer and lm-eval's own task on the same completions: where they differ, and why."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import yaml
from lm_eval.api.instance import Instance
from lm_eval.api.metrics import exact_match_hf_evaluate
from lm_eval.filters import build_filter_ensemble

from ptb_lite.benchmarks.gsm8k import BENCHMARK
from tests.real_data import folders, rows

TASK = Path(lm_eval.__file__).parent / "tasks/gsm8k/gsm8k.yaml"
MOST = 300


@dataclass(frozen=True)
class Kind:
    """A way of writing an answer, right and wrong, and how each scorer judges the right one.

    `strict` and `flexible` are lm-eval's two filters; `why` explains what differs from ours.
    """

    name: str
    write: Callable[[str, str], str]
    strict: bool
    flexible: bool
    why: str = ""


MARKED_ONLY = "strict-match reads '#### ' only"
KINDS = (
    Kind("as the dataset", lambda text, n: f"{text}\n#### {n}", True, True),
    Kind("with words after it", lambda text, n: f"{text}\n#### {n} in all", True, True),
    Kind("a chat's last line", lambda text, n: f"{text}\nANSWER: {n}", False, True, MARKED_ONLY),
    Kind("the last number", lambda text, n: f"{text}\nIt is {n} now", False, True, MARKED_ONLY),
    Kind("in a box", lambda text, n: f"{text}\nIt is \\boxed{{{n}}}", False, True, MARKED_ONLY),
    Kind(
        "decimals",
        lambda text, n: f"{text}\n#### {n}.00",
        False,
        False,
        "both filters compare text: 18.00 is not 18",
    ),
    Kind(
        "a currency sign",
        lambda text, n: f"{text}\n#### ${n}",
        False,
        True,
        "strict-match wants a digit right after '#### '",
    ),
    Kind(
        "a full stop at the end",
        lambda text, n: f"{text}\nANSWER: {n}.",
        False,
        True,
        MARKED_ONLY,
    ),
    Kind(
        "a number after the answer",
        lambda text, n: f"{text}\nANSWER: {n} for 2 days",
        False,
        False,
        "flexible-extract takes the last number whatever stands before it",
    ),
    Kind(
        "a second question after it",
        lambda text, n: f"{text}\n#### {n}\n\nThat took 3 steps.",
        True,
        False,
        "flexible-extract takes the last number; the mark says which one is meant",
    ),
)


def _reference() -> dict[str, Callable[[Sequence[str], Sequence[str]], list[bool]]]:
    """lm-eval's own filters and metric for GSM8K, as its task file has them."""
    task: dict[str, Any] = yaml.safe_load(TASK.read_text())
    settings = {
        key: value
        for key, value in task["metric_list"][0].items()
        if key.startswith(("ign", "reg"))
    }

    def scorer(filters: list[dict[str, Any]]) -> Callable[..., list[bool]]:
        steps = [
            (step["function"], {k: v for k, v in step.items() if k != "function"} or None)
            for step in filters
        ]

        def score(completions: Sequence[str], answers: Sequence[str]) -> list[bool]:
            made = [
                Instance("generate_until", {}, ("",), number, resps=[text])
                for number, text in enumerate(completions)
            ]
            build_filter_ensemble("it", steps).apply(made)
            return [
                bool(
                    exact_match_hf_evaluate(
                        predictions=[one.filtered_resps["it"]], references=[answer], **settings
                    )["exact_match"]
                )
                for one, answer in zip(made, answers, strict=True)
            ]

        return score

    return {found["name"]: scorer(found["filter"]) for found in task["filter_list"]}


@pytest.mark.parametrize("folder", folders("gsm8k"))
def test_every_disagreement_is_one_that_is_explained(folder: Path) -> None:
    found = rows(folder / "gsm8k/test.jsonl")
    count = min(MOST, len(found))
    found = random.Random(0).sample(found, count)
    reference = _reference()
    assert set(reference) == {"strict-match", "flexible-extract"}
    agreed = 0
    for kind in KINDS:
        for right in (True, False):
            answers = [row["answer"] for row in found]
            targets = [answer.rpartition("#### ")[2] for answer in answers]
            said = [t if right else f"{int(t.replace(',', '')) + 7}" for t in targets]
            texts = [
                kind.write(answer.rpartition("\n")[0], number)
                for answer, number in zip(answers, said, strict=True)
            ]
            ours = []
            for row, text in zip(found, texts, strict=True):
                item = BENCHMARK.item(row)
                assert item is not None
                ours.append(BENCHMARK.judge(item, text).score == 1.0)
            assert ours == [right] * count, kind.name
            strict = reference["strict-match"](texts, answers)
            flexible = reference["flexible-extract"](texts, answers)
            assert strict == [right and kind.strict] * count, kind.name
            if kind.flexible:
                assert flexible == ours, kind.name
            else:
                # Now and then the number after the answer happens to be the answer.
                assert sum(flexible) <= max(1, count // 20 - 1), kind.name
                assert kind.why
            agreed += sum(a == b for a, b in zip(ours, flexible, strict=True))
            assert kind.strict or kind.why
    assert agreed > count * len(KINDS)


def test_few_shot_prompts_are_those_of_the_task() -> None:
    task: dict[str, Any] = yaml.safe_load(TASK.read_text().replace("!function", ""))
    row = {
        "question": "Ann packs 3 boxes with 4 kites each. How many kites is that?",
        "answer": "She packs 3 * 4 = 12 kites.\n#### 12",
    }
    item = BENCHMARK.item(row)
    assert item is not None
    assert task["doc_to_text"].replace("{{question}}", row["question"]) == BENCHMARK.plain(item)
    assert f" {row['answer']}" == BENCHMARK.solved(item)
    assert tuple(task["generation_kwargs"]["until"]) == BENCHMARK.stop

"""Judging by a server that is slow, failing, limiting, silly: nothing lost or counted twice."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.cli.evaluate import line_of
from ptb_lite.evaluation.errors import EvaluationStopped
from ptb_lite.evaluation.evaluate_model import Scored
from ptb_lite.evaluation.items.splits import ItemFiles, SplitFile
from ptb_lite.evaluation.judge.endpoint import Endpoint
from ptb_lite.evaluation.judge.judge import (
    Judge,
)
from ptb_lite.evaluation.judge.ledger import Spent
from ptb_lite.evaluation.judge.store import JudgementStore
from ptb_lite.evaluation.judge.task import judge_task
from ptb_lite.evaluation.results import read_result, read_samples
from tests.functional.judge.judge_server import (
    TOKENS_IN,
    TOKENS_OUT,
    Reply,
    judge_server,
)
from tests.functional.judge.material import (
    GOOD,
    ITEMS,
    choice_of,
    judge_of,
    judged,
    leave,
    meets,
    pairwise_items,
    prefers,
    rubric_item,
    stored,
)
from tests.functional.runner.waiting import slowdown


def test_both_orders_are_asked_and_the_win_rate_is_the_mean(tmp_path: Path) -> None:
    with judge_server(prefers("good")) as stub:
        result, report, judge = judged(tmp_path, stub)
    # Three answers win both games; the others tie, and what a model thinks is not judged.
    assert result.score == report.score == pytest.approx((3 * 1.0 + 3 * 0.5) / 6)
    assert result.correct == 3
    assert stub.total == len(stub.asked) == 2 * ITEMS
    assert len(set(stored(tmp_path))) == len(stored(tmp_path)) == 2 * ITEMS
    assert report.not_scored == ""
    assert (report.model, report.prompt) == ("stub", "ptb-lite-pairwise-1")
    assert report.input_tokens == 2 * ITEMS * TOKENS_IN == judge.ledger.spent.input_tokens
    assert report.output_tokens == 2 * ITEMS * TOKENS_OUT
    samples = read_samples(tmp_path / "run" / result.samples)
    assert [sample.score for sample in samples] == [1.0] * 3 + [0.5] * 3
    assert read_result(tmp_path / "run" / "after.stories.json") == result
    lines = (tmp_path / "run" / "after.stories.judged.jsonl").read_text().splitlines()
    assert [said["verdict"] for said in json.loads(lines[0])["said"]] == ["B>>A", "A>B"]


def test_a_judgement_is_paid_for_once(tmp_path: Path) -> None:
    with judge_server(prefers("good")) as stub:
        first = judged(tmp_path, stub)[0]
        again, report, judge = judged(tmp_path, stub)
        assert stub.total == 2 * ITEMS
        assert again.score == first.score
        assert report.reused == report.requests == 2 * ITEMS
        assert judge.ledger.spent.input_tokens == 0
        # What a judgement is of is everything in the request: another answer is another question.
        judged(tmp_path, stub, ["another"] * ITEMS)
        assert stub.total == 4 * ITEMS
        judged(tmp_path, stub, answer_tokens=100)
        assert stub.total == 6 * ITEMS


def test_the_same_question_twice_is_asked_once(tmp_path: Path) -> None:
    with judge_server(prefers("good")) as stub:
        item = pairwise_items(1)[0]
        twins = [item, item.model_copy(update={"id": "twin"})]
        result, items = leave(tmp_path / "run", twins, ["good", "good"])
        with judge_of(choice_of(stub.url), tmp_path / "store.jsonl") as judge:
            scored, report = judge_task(
                tmp_path / "run", result, kind="pairwise", items=items, judge=judge
            )
    assert (stub.total, report.requests, scored.score) == (2, 2, 1.0)


def test_a_slow_judge_is_asked_side_by_side(tmp_path: Path) -> None:
    with judge_server(lambda *_: Reply("[[A=B]]", delay=0.2)) as stub:
        result, _, _ = judged(tmp_path, stub, concurrency=4)
    assert result.score == 0.5
    assert stub.most_at_once == 4


@pytest.mark.parametrize(
    "trouble",
    [
        Reply("overloaded", status=500),
        Reply("bad gateway", status=502),
        Reply(raw=b"<html>not JSON</html>"),
        Reply(raw=b'{"choices": []}'),
        Reply(raw=b'{"choices": [{"message": {"content": 7}}]}'),
    ],
    ids=["500", "502", "html", "empty", "number"],
)
def test_a_failing_judge_is_asked_again(tmp_path: Path, trouble: Reply) -> None:
    def answers(body: dict[str, Any], times: int) -> Reply:
        return trouble if times <= 2 else prefers("good")(body, times)

    with judge_server(answers) as stub:
        result, report, _ = judged(tmp_path, stub)
    assert result.score == pytest.approx(0.75)
    assert set(stub.asked.values()) == {3}
    assert len(stored(tmp_path)) == report.requests == 2 * ITEMS


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": "[[A"}, {"type": "text", "text": "=B]]"}]},
        {"content": [{"type": "thinking", "thinking": "[[A>B]]"}, {"text": "[[A = B]]"}]},
        {"content": "\\[\\[A=B\\]\\]", "reasoning_content": "[[B>A]]"},
    ],
)  # fmt: skip
def test_an_answer_in_parts_is_read_at_once(tmp_path: Path, message: dict[str, Any]) -> None:
    with judge_server(lambda *_: Reply(message=message)) as stub:
        result, report, _ = judged(tmp_path, stub)
    assert (result.score, report.not_scored) == (0.5, "")
    assert stub.total == 2 * ITEMS


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(message={"content": None, "reasoning": "[[A>B]]"}), "only reasoning, no answer)"),
        (Reply("I think", finish="length"), "an answer, cut off by the server after 10 tokens"),
        (
            Reply(message={"content": "", "reasoning_content": "hm"}, finish="length", usage=False),
            "reasoning, no answer, cut off at 4096 tokens; --judge-answer-tokens allows more",
        ),
        (
            Reply("", finish="content_filter"),
            "an empty answer, ended by the server: content_filter",
        ),
        (Reply(""), "an empty answer)"),
        (Reply("Both are nice."), "(the last: it ends 'Both are nice.')"),
    ],
)
def test_why_there_is_no_verdict_is_said(tmp_path: Path, reply: Reply, said: str) -> None:
    with judge_server(lambda *_: reply) as stub:
        result, report, _ = judged(tmp_path, stub)
    assert result.score is None
    assert said in report.not_scored
    assert report.not_scored.startswith("6 of 6 items have no verdict: the judge gave 3 answers")


def test_the_token_limit_is_never_passed(tmp_path: Path) -> None:
    limit = 6 * (TOKENS_IN + TOKENS_OUT) + 2000
    with judge_server(prefers("good")) as stub:
        result, report, judge = judged(tmp_path, stub, max_tokens=limit, answer_tokens=400)
        assert result.score is None
        assert f"the limit of {limit} tokens is reached" in report.not_scored
        assert 0 < stub.total < 2 * ITEMS
        spent = judge.ledger.spent
        assert spent.input_tokens + spent.output_tokens <= limit
        asked = stub.total
        result, report, _ = judged(tmp_path, stub, answer_tokens=400)
    assert result.score == pytest.approx(0.75)
    assert (stub.total, report.reused) == (2 * ITEMS, asked)


def test_what_was_spent_before_counts_towards_the_limit(tmp_path: Path) -> None:
    result, items = leave(tmp_path / "run", pairwise_items(ITEMS), GOOD)
    with judge_server(prefers("good")) as stub:
        choice = choice_of(stub.url, max_tokens=50_000, answer_tokens=100)
        with Endpoint(choice) as endpoint:
            store = JudgementStore(tmp_path / "store.jsonl")
            judge = Judge(choice, store, endpoint.ask, spent=Spent(49_000, 900))
            _, report = judge_task(
                tmp_path / "run", result, kind="pairwise", items=items, judge=judge
            )
    assert stub.total == 0
    assert "the limit of 50000 tokens is reached" in report.not_scored


def test_the_dollar_limit_is_never_passed(tmp_path: Path) -> None:
    with judge_server(prefers("good")) as stub:
        result, report, judge = judged(
            tmp_path,
            stub,
            max_spend=0.5,
            input_price=100.0,
            output_price=1000.0,
            answer_tokens=100,
        )
    assert result.score is None
    assert "the limit of 0.5 dollars is reached" in report.not_scored
    cost = judge.ledger.cost()
    assert cost is not None
    assert 0 < cost <= 0.5


def test_an_endpoint_that_does_not_count_is_estimated(tmp_path: Path) -> None:
    with judge_server(lambda *_: Reply("[[A=B]]", usage=False)) as stub:
        _, report, judge = judged(tmp_path, stub)
    assert judge.ledger.spent.input_tokens == report.input_tokens > 2 * ITEMS * 100


def test_a_stop_is_heard_at_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    stop = threading.Event()

    def answers(body: dict[str, Any], _: int) -> Reply:
        if "line 0." in body["messages"][0]["content"]:
            return prefers("good")(body, 1)
        stop.set()
        return Reply("[[A=B]]", delay=30)

    result, items = leave(tmp_path / "run", pairwise_items(ITEMS), GOOD)
    with judge_server(answers) as stub:
        choice = choice_of(stub.url, concurrency=1)
        store = tmp_path / "store.jsonl"
        with judge_of(choice, store, should_stop=stop.is_set) as judge:
            begun = time.monotonic()
            with pytest.raises(EvaluationStopped):
                judge_task(tmp_path / "run", result, kind="pairwise", items=items, judge=judge)
            assert time.monotonic() - begun < 10 * slowdown()
    assert len(stored(tmp_path)) == 2


def test_rubrics_give_points_also_below_nothing(tmp_path: Path) -> None:
    items = [rubric_item("a", [5, 3, -4]), rubric_item("b", [2, -6]), rubric_item("c", [4])]
    met = {"a says part 0", "a says part 2", "b says part 1"}
    result, path = leave(tmp_path / "run", items, ["x", "y", "z"])
    with (
        judge_server(meets(met)) as stub,
        judge_of(choice_of(stub.url), tmp_path / "store.jsonl") as judge,
    ):
        scored, report = judge_task(
            tmp_path / "run", result, kind="rubric", items=path, judge=judge
        )
    samples = read_samples(tmp_path / "run" / result.samples)
    assert [sample.score for sample in samples] == [(5 - 4) / 8, -3.0, 0.0]
    # The mean is below nothing and shown as 0, as HealthBench does.
    assert scored.score == 0.0
    assert report.requests == 6


@pytest.mark.parametrize("chosen", [True, False])
def test_only_who_chose_no_judge_is_told_to_choose_one(tmp_path: Path, chosen: bool) -> None:
    result, items = leave(tmp_path, pairwise_items(1), ["x"])
    split = SplitFile(path=items, count=1, sha256="0" * 64)
    files = ItemFiles(benchmark="stories", recipe="", train=split, dev=split, test=split)
    scored = Scored(result, read_samples(tmp_path / result.samples), tmp_path, files)
    line = line_of(scored, judged=True, chosen=chosen)
    assert "not scored" in line
    assert ("that takes a judge (--judge MODEL@URL)" in line) == (not chosen)

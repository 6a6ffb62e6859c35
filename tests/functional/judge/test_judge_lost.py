"""A judge that refuses, is away, limits, loads or answers nonsense: nothing is lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.evaluation.judge.judge import (
    ANSWERS,
    GIVE_UP_AFTER,
    GIVE_UP_UNREAD,
)
from ptb_lite.evaluation.judge.task import judge_task, read_report
from ptb_lite.evaluation.results import read_samples
from tests.functional.judge.judge_server import (
    TOKENS_IN,
    Reply,
    StubJudge,
    judge_server,
)
from tests.functional.judge.material import (
    ITEMS,
    KEY,
    choice_of,
    judge_of,
    judged,
    leave,
    pairwise_items,
    prefers,
    stored,
)


@pytest.mark.parametrize(
    ("lost", "most"),
    [
        (Reply("no verdict in this"), ANSWERS * (GIVE_UP_UNREAD + 4)),
        (Reply("that is against our policy", status=400), GIVE_UP_AFTER + 4),
    ],
    ids=["unreadable", "refusing"],
)
@pytest.mark.parametrize("good", [0, 20])
def test_a_judge_that_is_lost_is_not_paid_for_every_item(
    tmp_path: Path, lost: Reply, most: int, good: int
) -> None:
    """From the first question, or half way: then what it judged before is kept."""
    stub: StubJudge

    def answers(body: dict[str, Any], times: int) -> Reply:
        return prefers("good")(body, times) if len(stub.asked) <= good else lost

    with judge_server(answers) as stub:
        result, report, _ = judged(tmp_path, stub, ["a good line"] * 40, concurrency=2)
        asked = stub.total - good
    assert (result.score, report.score) == (None, None)
    assert asked <= most + 4
    assert report.requests - report.failed >= good - 2
    assert f"{40 - report.scored} of 40 items have no verdict" in report.not_scored


def test_a_judge_that_loads_its_model_is_waited_for(tmp_path: Path) -> None:
    def answers(body: dict[str, Any], times: int) -> Reply:
        if times <= 8:
            return Reply("Loading model", status=503)
        return prefers("good")(body, times)

    with judge_server(answers) as stub:
        result, _, _ = judged(tmp_path, stub)
    assert result.score == pytest.approx(0.75)


def test_a_limiting_judge_gets_the_pause_that_it_asks_for(tmp_path: Path) -> None:
    limited = threading.Event()

    def answers(body: dict[str, Any], _: int) -> Reply:
        if not limited.is_set():
            limited.set()
            return Reply("slow down", status=429, retry_after="1")
        return prefers("good")(body, 1)

    with judge_server(answers) as stub:
        result, _, _ = judged(tmp_path, stub, concurrency=1)
    assert result.score == pytest.approx(0.75)
    assert stub.times[1] - stub.times[0] >= 1.0
    assert stub.total == 2 * ITEMS + 1


def test_being_limited_for_long_loses_nothing(tmp_path: Path) -> None:
    """More refusals than there are attempts: each says how long to wait, so each is waited."""

    def answers(body: dict[str, Any], times: int) -> Reply:
        if times <= 8:
            return Reply("slow down", status=429, retry_after="0.01")
        return prefers("good")(body, times)

    with judge_server(answers) as stub:
        result, _, _ = judged(tmp_path, stub)
    assert result.score == pytest.approx(0.75)
    assert set(stub.asked.values()) == {9}


def test_nonsense_is_asked_again_with_a_reminder_and_counted(tmp_path: Path) -> None:
    def answers(body: dict[str, Any], times: int) -> Reply:
        if times == 1:
            return Reply("Both are lovely. [[C]]")
        assert body["messages"][-1]["content"].startswith("Your answer holds no verdict")
        return prefers("good")(body, times)

    with judge_server(answers) as stub:
        result, report, judge = judged(tmp_path, stub)
    assert result.score == pytest.approx(0.75)
    assert report.input_tokens == 2 * 2 * ITEMS * TOKENS_IN == judge.ledger.spent.input_tokens


def test_nonsense_without_end_is_not_scored_and_only_that_is_asked_later(tmp_path: Path) -> None:
    mad = threading.Event()
    mad.set()

    def answers(body: dict[str, Any], times: int) -> Reply:
        silly = mad.is_set() and "line 2." in body["messages"][0]["content"]
        return Reply("pass") if silly else prefers("good")(body, times)

    with judge_server(answers) as stub:
        result, report, _ = judged(tmp_path, stub)
        assert result.score is None
        assert report.score is None
        assert (
            "1 of 6 items have no verdict: the judge gave 3 answers without a verdict"
            in report.not_scored
        )
        assert report.failed == 2
        assert read_report(tmp_path / "run", "after", "stories") == report
        # Nothing half-scored is left, and above all no 0.
        assert {s.score for s in read_samples(tmp_path / "run" / result.samples)} == {None}
        assert len(stored(tmp_path)) == 2 * ITEMS - 2
        mad.clear()
        before = stub.total
        result, report, _ = judged(tmp_path, stub)
    assert result.score == pytest.approx(0.75)
    assert (stub.total - before, report.reused) == (2, 2 * ITEMS - 2)


def test_a_judge_that_is_away_is_not_scored(tmp_path: Path) -> None:
    with judge_server(prefers("good")) as stub:
        pass
    result, report, _ = judged(tmp_path, stub)
    assert result.score is None
    assert "the endpoint cannot be reached" in report.not_scored
    assert (report.scored, report.failed) == (0, 2 * ITEMS)
    assert not (tmp_path / "store.jsonl").exists()


def test_a_refused_key_is_tried_once_and_never_shown(tmp_path: Path) -> None:
    with judge_server(lambda *_: Reply(f"wrong key {KEY}", status=401)) as stub:
        result, report, _ = judged(tmp_path, stub, concurrency=1)
    assert stub.total == 1
    assert stub.keys == [f"Bearer {KEY}"]
    assert result.score is None
    assert "refuses the key" in report.not_scored
    for path in (tmp_path / "run").iterdir():
        assert KEY not in path.read_text()


def test_a_key_that_cannot_be_sent_is_not_scored(tmp_path: Path) -> None:
    result, items = leave(tmp_path / "run", pairwise_items(1), ["x"])
    with judge_server(prefers("good")) as stub:
        choice = choice_of(stub.url)
        with judge_of(choice, tmp_path / "store.jsonl", key="sk-ü\n") as judge:
            _, report = judge_task(
                tmp_path / "run", result, kind="pairwise", items=items, judge=judge
            )
    assert stub.total == 0
    assert "the key holds characters" in report.not_scored


def test_a_model_that_is_not_there_is_asked_for_once(tmp_path: Path) -> None:
    with judge_server(lambda *_: Reply("no such model", status=404)) as stub:
        _, report, _ = judged(tmp_path, stub, concurrency=1)
    assert stub.total == 1
    assert "no such model" in report.not_scored


def test_settings_that_a_host_refuses_are_changed(tmp_path: Path) -> None:
    def answers(body: dict[str, Any], times: int) -> Reply:
        if "max_tokens" in body:
            return Reply("use 'max_completion_tokens' instead of 'max_tokens'", status=400)
        if "temperature" in body:
            return Reply("'temperature' does not support 0.0", status=400)
        return prefers("good")(body, times)

    with judge_server(answers) as stub:
        result, _, _ = judged(tmp_path, stub)
    assert result.score == pytest.approx(0.75)
    assert stub.bodies[-1]["max_completion_tokens"] == 4096
    line = json.loads((tmp_path / "store.jsonl").read_text().splitlines()[0])
    assert line["settings"] == {"max_completion_tokens": 4096}

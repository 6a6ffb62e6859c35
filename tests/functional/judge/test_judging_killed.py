"""A judging process that is killed, and two at once: real processes on one store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from tests.functional.judge.judge_server import Reply, judge_server
from tests.functional.judge.material import leave, pairwise_items, prefers
from tests.functional.runner.waiting import wait_until

JUDGING = """
import sys
from pathlib import Path
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.judge.judge import judge_at
from ptb_lite.evaluation.judge.store import JudgementStore
from ptb_lite.evaluation.judge.task import judge_task
from ptb_lite.evaluation.results import read_result

url, folder, store = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
choice = JudgeChoice(model="stub", endpoint=url, concurrency=3)
result = read_result(folder / "after.stories.json")
with judge_at(choice, JudgementStore(store), key="") as judge:
    _, report = judge_task(
        folder, result, kind="pairwise", items=folder / "test.jsonl", judge=judge
    )
print(report.model_dump_json())
"""
ITEMS = 20


def start(url: str, folder: Path, store: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", JUDGING, url, str(folder), str(store)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(out)
    return report


def test_a_killed_judging_goes_on_where_it_was(tmp_path: Path) -> None:
    killed = threading.Event()

    def answers(body: dict[str, Any], times: int) -> Reply:
        # The last questions hang, so that the kill meets requests on their way.
        slow = stub.total > 30 and not killed.is_set()
        return Reply(prefers("good")(body, times).text, delay=60.0 if slow else 0.0)

    store = tmp_path / "store.jsonl"
    leave(tmp_path / "run", pairwise_items(ITEMS), ["a good line"] * ITEMS)
    with judge_server(answers) as stub:
        process = start(stub.url, tmp_path / "run", store)
        wait_until(
            lambda: stub.total >= 33 and store.read_bytes().count(b"\n") >= 30,
            60.0,
            lambda: str(stub.total),
        )
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed.set()
        assert store.read_bytes().count(b"\n") == 30
        # As if the kill had met a line half-written.
        with store.open("ab") as file:
            file.write(b'{"version":1,"key":"torn')
        report = finish(start(stub.url, tmp_path / "run", store))
    assert (report["score"], report["requests"], report["reused"]) == (1.0, 2 * ITEMS, 30)
    # Those on their way were asked twice, the others once; none is counted twice.
    assert Counter(stub.asked.values()) == {1: 2 * ITEMS - 3, 2: 3}
    kept = [json.loads(line) for line in store.read_text().splitlines() if "torn" not in line]
    assert len({line["key"] for line in kept}) == len(kept) == 2 * ITEMS
    assert report["input_tokens"] == 2 * ITEMS * 100


def test_two_at_once_leave_one_whole_store(tmp_path: Path) -> None:
    store = tmp_path / "store.jsonl"
    for name in ("one", "two"):
        leave(tmp_path / name, pairwise_items(ITEMS), ["a good line"] * ITEMS)
    with judge_server(prefers("good")) as stub:
        both = [start(stub.url, tmp_path / name, store) for name in ("one", "two")]
        reports = [finish(process) for process in both]
    assert [report["score"] for report in reports] == [1.0, 1.0]
    lines = [json.loads(line) for line in store.read_text().splitlines()]
    assert len({line["key"] for line in lines}) == 2 * ITEMS

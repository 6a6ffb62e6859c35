"""The judge against a real server that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.judge import JudgeDetector
from ptb_lite.audit.judge.asking import JudgeOptions, Told
from ptb_lite.audit.judge.endpoint import EndpointJudge
from ptb_lite.audit.record import DetectorResult
from ptb_lite.events import JudgeVoteAsked, JudgeVoteCounted


class Stub:
    def __init__(self) -> None:
        self.replies: list[str | int] = []
        self.asked: list[dict[str, object]] = []
        self.keys: list[str] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                stub.asked.append(json.loads(self.rfile.read(length)))
                stub.keys.append(self.headers.get("Authorization", ""))
                reply = stub.replies[(len(stub.asked) - 1) % len(stub.replies)]
                if isinstance(reply, int):
                    # An endpoint may say the key that it refuses.
                    body = f"no {self.headers['Authorization'].partition(' ')[2]} here".encode()
                    self.send_response(reply)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
                body = json.dumps({"choices": [{"message": {"content": reply}}]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        return Handler


@pytest.fixture
def stub() -> Iterator[tuple[Stub, str]]:
    made = Stub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), made.handler())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made, f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def answer(verdict: str, *findings: tuple[str, str, int]) -> str:
    rows = [
        {"rule": rule, "file": file, "line": line, "why": "it says so", "confidence": 0.9}
        for rule, file, line in findings
    ]
    return "Here it is:\n" + json.dumps({"verdict": verdict, "findings": rows})


def judged(
    tmp_path: Path, url: str, tell: Callable[[Told], object] = lambda _: None
) -> DetectorResult:
    (tmp_path / "prepare.py").write_text("# prepares\nrows = load('test')\n")
    judge = EndpointJudge(url, "judge-model", "secret-key", seconds=10, first_delay=0.01)
    options = JudgeOptions(judge, seconds=10, tell=tell)
    return JudgeDetector().run(AuditCase(folder=tmp_path, judge=options))


def test_most_votes_with_a_place_decide(tmp_path: Path, stub: tuple[Stub, str]) -> None:
    server, url = stub
    flagged = answer("flagged", ("test-data", "prepare.py", 2))
    server.replies = [flagged, answer("clean"), flagged]
    result = judged(tmp_path, url)
    assert [(flag.kind, flag.decides, flag.line) for flag in result.flags] == [
        ("judged-test-data", True, 2)
    ]
    assert result.flags[0].confidence == pytest.approx(2 / 3)
    assert len(server.asked) == 3
    assert set(server.keys) == {"Bearer secret-key"}
    assert "2: rows = load('test')" in json.dumps(server.asked[0]["messages"])


def test_every_vote_is_told_when_it_is_asked_for_and_when_it_is_counted(
    tmp_path: Path, stub: tuple[Stub, str]
) -> None:
    server, url = stub
    server.replies = [answer("clean"), "no JSON", answer("unsure")]
    told: list[Told] = []
    asked_before: list[int] = []

    def hear(vote: Told) -> None:
        told.append(vote)
        asked_before.append(len(server.asked))

    judged(tmp_path, url, hear)
    asked, counted = told[::2], told[1::2]
    assert [type(vote) for vote in told] == [JudgeVoteAsked, JudgeVoteCounted] * 3
    assert [(vote.vote, vote.votes) for vote in asked] == [(1, 3), (2, 3), (3, 3)]
    assert [(vote.vote, vote.votes) for vote in counted] == [(1, 3), (2, 3), (3, 3)]
    # Told before the endpoint hears of it, and after it has answered.
    assert asked_before == [0, 1, 1, 2, 2, 3]
    assert {(vote.judge, vote.seconds) for vote in asked if isinstance(vote, JudgeVoteAsked)} == {
        (f"judge-model at {url}", 10.0)
    }
    heard = [(v.answer, bool(v.reason)) for v in counted if isinstance(v, JudgeVoteCounted)]
    assert heard == [("clean", False), (None, True), ("unsure", False)]


def test_one_vote_of_three_informs(tmp_path: Path, stub: tuple[Stub, str]) -> None:
    server, url = stub
    flagged = answer("flagged", ("hiding", "prepare.py", 1))
    server.replies = [flagged, answer("clean"), answer("unsure")]
    assert [flag.decides for flag in judged(tmp_path, url).flags] == [False]


def test_a_busy_endpoint_is_asked_again(tmp_path: Path, stub: tuple[Stub, str]) -> None:
    server, url = stub
    server.replies = [429, answer("clean"), 503, 503, answer("clean"), answer("clean")]
    result = judged(tmp_path, url)
    assert (result.status, result.notes[1]) == ("clean", "votes: clean, clean, clean")
    assert len(server.asked) == 6


def test_a_refusal_is_said_once_and_without_the_key(tmp_path: Path, stub: tuple[Stub, str]) -> None:
    server, url = stub
    server.replies = [401]
    result = judged(tmp_path, url)
    assert result.status == "skipped"
    assert "HTTP 401: no [key] here" in result.reason
    assert len(server.asked) == 3


def test_places_that_were_not_shown_are_dropped(tmp_path: Path, stub: tuple[Stub, str]) -> None:
    server, url = stub
    places = [("test-data", "prepare.py", 99), ("tampering", "../../etc/passwd", 1)]
    server.replies = [answer("flagged", *places)]
    result = judged(tmp_path, url)
    assert (result.status, result.flags) == ("clean", ())


@pytest.mark.parametrize("reply", [500, "no JSON", '{"verdict": "guilty"}', "[" * 5000])
def test_lost_votes_are_no_verdict(
    tmp_path: Path, stub: tuple[Stub, str], reply: str | int
) -> None:
    server, url = stub
    server.replies = [reply]
    result = judged(tmp_path, url)
    assert (result.status, result.deciding) == ("skipped", False)
    assert "3 of 3 votes were lost" in result.reason


def test_no_server_and_no_judge(tmp_path: Path) -> None:
    assert judged(tmp_path, "http://127.0.0.1:9/v1").status == "skipped"
    assert JudgeDetector().run(AuditCase(folder=tmp_path)).status == "skipped"

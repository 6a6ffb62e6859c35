"""The built-in agent as a process of its own, against a real server on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from ptb_lite.agents.local.backend import KEY_VARIABLE
from ptb_lite.agents.start import Key
from ptb_lite.events import AgentEventKind
from tests.functional.agents.chat_server import Answer, calls, chat_server, says
from tests.functional.agents.local_process import LocalProcess, events, texts
from tests.functional.runner.waiting import slowdown, wait_until

Kind = AgentEventKind
SECRET = "sk-very-secret"


def alive_in(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError):
            dead = process.info["status"] == psutil.STATUS_ZOMBIE
            if not dead and os.getpgid(process.pid) == group:
                found.append(process)
    return found


def test_a_tool_call_is_run_and_its_result_told(local: LocalProcess) -> None:
    with chat_server(calls("echo hello | tee made.txt; false"), says("all done")) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert (local.folder / "made.txt").read_text() == "hello\n"
    assert [event.kind for event in found] == [
        *(Kind.SESSION, Kind.USAGE, Kind.TOOL_CALL, Kind.TOOL_RESULT),
        *(Kind.MESSAGE, Kind.USAGE, Kind.END),
    ]
    assert found[0].session_id
    assert found[1].data == {"input_tokens": 100.0, "output_tokens": 10.0}
    assert texts(found, Kind.END) == ["200 tokens in, 20 out"]
    first, second = chat.requests
    assert first["model"] == "stub"
    assert [m["role"] for m in first["messages"]] == ["system", "user"]
    assert first["messages"][1]["content"] == "do the task"
    assert first["tools"][0]["function"]["name"] == "bash"
    assert "authorization" not in chat.headers[0]
    told = second["messages"][-1]
    assert told["role"] == "tool"
    assert told["tool_call_id"] == second["messages"][-2]["tool_calls"][0]["id"]
    assert told["content"].startswith("hello\n\n[exit code 1, ")
    assert "left]" in told["content"]


def test_a_model_without_tools_is_asked_for_blocks(local: LocalProcess) -> None:
    refusal = Answer(b'{"error": "stub does not support tools"}', status=400)
    two = "First\n```bash\necho one >> made.txt\n```\nthen\n```bash\necho two >> made.txt\n```"
    with chat_server(refusal, says(two), says("done")) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert (local.folder / "made.txt").read_text() == "one\n"
    assert ["tools" in request for request in chat.requests] == [True, False, False]
    told = chat.requests[-1]["messages"][-1]
    assert told["role"] == "user"
    assert "only the first block was run" in told["content"]
    assert texts(found, Kind.TOOL_CALL) == ["echo one >> made.txt"]


def test_passing_troubles_are_waited_out(local: LocalProcess) -> None:
    local.key = Key(KEY_VARIABLE, SECRET)
    now = (("retry-after", "0"),)
    troubles = (
        Answer(b"<html>not JSON</html>"),
        Answer(b'{"choices": []}', close=True),
        Answer(f'{{"error": "slow down, {SECRET}"}}'.encode(), status=429, headers=now),
        Answer(b"<html>gateway</html>", status=502, headers=now),
    )
    with chat_server(*troubles, calls("env; echo $0"), says("done")) as chat:
        code, found = local.run(chat)
    assert code == 0
    errors = texts(found, Kind.ERROR)
    assert len(errors) == 4
    for error, part in zip(errors, ("no chat completion", "reached", "429", "502"), strict=True):
        assert part in error
    assert chat.headers[0]["authorization"] == f"Bearer {SECRET}"
    # Neither in what the endpoint says nor in what a command can see.
    assert "PATH=" in texts(found, Kind.TOOL_RESULT)[0]
    assert not [event for event in found if SECRET in event.text]


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (Answer(b'{"error": "bad key"}', status=401), "refuses the key"),
        (Answer(b'{"error": "no such model"}', status=404), "no such model"),
    ],
)
def test_what_asking_again_cannot_help_ends_it(
    local: LocalProcess, answer: Answer, part: str
) -> None:
    with chat_server(answer) as chat:
        code, found = local.run(chat)
    assert code == 1
    assert len(chat.requests) == 1
    assert part in texts(found, Kind.ERROR)[0]


def test_a_command_is_killed_when_its_time_is_over_and_its_output_kept(local: LocalProcess) -> None:
    slow = calls("echo $$ > pid; echo partial; sleep 300 & sleep 300", timeout_seconds=1)
    with chat_server(slow, says("done")) as chat:
        begun = time.monotonic()
        code, found = local.run(chat)
    assert code == 0
    assert time.monotonic() - begun < 15 * slowdown()
    (result,) = texts(found, Kind.TOOL_RESULT)
    assert result.startswith("partial\n")
    assert "killed: its time of 1 s was over" in result
    group = int((local.folder / "pid").read_text())
    wait_until(lambda: not alive_in(group), 5.0)


def test_the_deadline_ends_a_wait_for_a_slow_model(local: LocalProcess) -> None:
    with chat_server(says("too late", delay=40)) as chat:
        begun = time.monotonic()
        code, found = local.run(chat, seconds=4)
        assert time.monotonic() - begun < 30 * slowdown()
    assert code == 1
    assert "no answer from the model" in texts(found, Kind.ERROR)[-1]


def test_nonsense_of_a_model_is_told_to_it(local: LocalProcess) -> None:
    script = (
        says("hm"),
        calls("", arguments="{broken"),
        calls("", arguments={"command": 7}),
        calls("x", name="browser"),
        calls("echo a\x00b"),
        calls("echo \ud800"),
        says("bye"),
    )
    with chat_server(*script) as chat:
        code, found = local.run(chat)
    assert code == 0
    last = chat.requests[-1]["messages"]
    assert "There was no command" in last[3]["content"]
    results = texts(found, Kind.TOOL_RESULT)
    for result, part in zip(
        results, ("JSON object", "a string", "no tool 'browser'", "cannot be", "?"), strict=True
    ):
        assert part in result


def test_a_conversation_that_is_too_long_is_made_shorter(local: LocalProcess) -> None:
    long = Answer(b'{"error": "maximum context length is 4096 tokens"}', status=400)
    work = [calls(f"seq {n}000") for n in range(1, 9)]
    with chat_server(*work, long, says("done")) as chat:
        code, _ = local.run(chat)
    assert code == 0
    before, after = chat.requests[-2]["messages"], chat.requests[-1]["messages"]
    assert len(before) == len(after)
    assert before[:2] == after[:2]
    assert before[-6:] == after[-6:]
    assert len(json.dumps(after)) < len(json.dumps(before))


def test_a_killed_session_goes_on_where_it_was(local: LocalProcess) -> None:
    with chat_server(calls("echo first"), calls("touch begun; sleep 300")) as chat:
        process = local.start(chat)
        wait_until((local.folder / "begun").exists, 30.0)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        for child in children:
            child.kill()
    session = events(out)[0].session_id
    assert session
    with chat_server(says("done")) as chat:
        code, found = local.run(chat, session, "--go on, 5 minutes are left")
    assert code == 0
    assert found[0].session_id == session
    messages = chat.requests[0]["messages"]
    assert messages[1]["content"] == "do the task"
    assert messages[3]["content"].startswith("first\n")
    assert messages[5] == {"role": "tool", "tool_call_id": "c1", "content": "[cut off: no result]"}
    assert messages[-1] == {"role": "user", "content": "--go on, 5 minutes are left"}


def test_another_session_is_not_taken_for_it(local: LocalProcess) -> None:
    with chat_server(says("done")) as chat:
        local.run(chat)
        code, found = local.run(chat, "some-other", "go on")
    assert code == 1
    assert "no saved session" in texts(found, Kind.ERROR)[0]


def test_a_session_that_cannot_be_saved_does_not_end_the_work(local: LocalProcess) -> None:
    (local.folder / ".home").write_text("no folder")
    with chat_server(calls("touch made.txt"), says("done")) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert (local.folder / "made.txt").exists()
    assert "cannot be saved" in texts(found, Kind.ERROR)[0]


def test_the_program_is_light() -> None:
    code = (
        "import sys, ptb_lite.agents.local.main; "
        "print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"

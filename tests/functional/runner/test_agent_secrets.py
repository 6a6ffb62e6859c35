"""What an agent signs in with is lent, taken back and masked, however its phase ends."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from ptb_lite.agents.registry import plan_agent
from ptb_lite.catalog import load_catalog
from ptb_lite.events import Outcome
from ptb_lite.files import read_record
from ptb_lite.runner.context import AgentEnd
from ptb_lite.runs.folder import RunFolder
from tests.functional.runner.agent_phase import AgentPhase, agent_phase
from tests.functional.runner.conftest import Bench
from tests.functional.runner.waiting import wait_until
from tests.unit.agents.test_logins import STORED, TOKEN, sign_in

KEY = "sk-test-0123456789abcdef"
PROGRAMS = {
    name: entry.program
    for name, entry in load_catalog(Path("/nonexistent")).agents.items()
    if entry.program
}
MODELS = {"opencode": "anthropic/some-model"}


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a folder of programs that stand in for the real ones."""
    home, folder = tmp_path / "home", tmp_path / "programs"
    home.mkdir()
    folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for entry in load_catalog(Path("/nonexistent")).agents.values():
        for name in (*entry.keys, entry.endpoint_variable or "X"):
            monkeypatch.delenv(name, raising=False)
    return home


def stand_in(home: Path, name: str, script: str) -> None:
    program = home.parent / "programs" / name
    # As the real programs do, it tells its version at once.
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec echo 1.0.0\n{script}\n')
    program.chmod(0o755)


def holds(run: RunFolder, secret: str) -> list[Path]:
    files = [path for path in run.path.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if secret.encode() in path.read_bytes()]


def signed_in(bench: Bench, home: Path, agent: str, script: str) -> AgentPhase:
    sign_in(home, agent)
    stand_in(home, PROGRAMS[agent], script)
    return agent_phase(bench, "", agent=agent, agent_model=MODELS.get(agent), network="model-only")


@pytest.mark.parametrize("agent", STORED)
def test_a_login_is_there_for_the_agent_and_gone_afterwards(
    bench: Bench, play: Path, agent: str
) -> None:
    names = list(STORED[agent])
    files = " ".join(f'"$HOME/{name}"' for name in names)
    script = f"cat {files}; stat -c %a {files} >modes; cat {files} >copy; env >seen; ls -A ~ >home"
    phase = signed_in(bench, play, agent, script)
    assert phase.end.outcome is Outcome.FINISHED, phase.end
    assert (phase.run.workspace / "modes").read_text().split() == ["600"] * len(names)
    # It was whole when the agent read it: only the tokens are stars now.
    copy = (phase.run.workspace / "copy").read_text()
    assert "*" * len(TOKEN) in copy
    assert "me@example.com" in copy or agent in ("codex", "opencode")
    assert holds(phase.run, TOKEN) == []
    assert not phase.run.login.exists()
    left = [name for name in names if (phase.run.workspace / ".home" / name).exists()]
    assert left == []
    assert any("stood in copy and is masked now" in text for text in phase.warnings())
    # The person's own login is as it was.
    for name, content in STORED[agent].items():
        assert json.loads((play / name).read_text()) == content


def test_a_renewed_token_is_masked_and_a_link_in_the_logins_place_is_no_trap(
    bench: Bench, play: Path
) -> None:
    renewed = "renewed-0123456789abcdef"
    script = (
        f'echo \'{{"tokens": {{"access_token": "{renewed}"}}}}\' >$HOME/.codex/auth.json; '
        f"echo told {renewed}"
    )
    phase = signed_in(bench, play, "codex", script)
    assert "told ****" in phase.printed()
    assert holds(phase.run, renewed) == []

    target = play / ".codex"
    phase = signed_in(bench, play, "codex", f"rm -r ~/.codex; ln -s {target} ~/.codex")
    assert phase.end.outcome is Outcome.FINISHED
    assert (phase.run.workspace / ".home" / ".codex").is_symlink()
    assert json.loads((target / "auth.json").read_text()) == STORED["codex"][".codex/auth.json"]


def test_a_key_comes_before_a_login_and_a_server_of_ones_own_is_shown_none(
    play: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(play, "codex")
    stand_in(play, "codex", "true")
    entry = load_catalog().agent("codex")
    assert plan_agent(entry, workspace=play, model=None).start.login is not None
    monkeypatch.setenv("CODEX_API_KEY", KEY)
    start = plan_agent(entry, workspace=play, model=None).start
    assert start.login is None
    assert start.key is not None
    monkeypatch.delenv("CODEX_API_KEY")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.raises(Exception, match="has no key"):
        plan_agent(entry, workspace=play, model=None)


def kill_when_told(run: RunFolder) -> None:
    """SIGKILL the runner when its agent has said what it knows."""
    output = run.trace / "stdout.log"
    wait_until(lambda: output.exists() and "told" in output.read_text(), 60.0, run.log.read_text)
    wait_until(lambda: bool(read_record(run.agent_end, AgentEnd).submissions), 20.0)
    pid = run.read_status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not run.runner_lives(), 5.0)


def test_a_killed_runner_leaves_no_secret_and_the_submission_times(
    bench: Bench, play: Path
) -> None:
    sign_in(play, "codex")
    stand_in(
        play,
        "codex",
        "mkdir final_model; echo told >final_model/x; cat ~/.codex/*.json final_model/x; sleep 99",
    )
    run = bench.start("", agent="codex", network="model-only")
    kill_when_told(run)
    # The agent's supervisor does it, without anybody's call.
    wait_until(lambda: not run.login.exists(), 20.0)
    wait_until(lambda: holds(run, TOKEN) == [], 5.0, lambda: str(holds(run, TOKEN)))
    bench.resume(run)
    assert run.read_status().outcome is Outcome.INTERRUPTED, run.read_status().detail
    end = read_record(run.agent_end, AgentEnd)
    assert end.outcome is Outcome.INTERRUPTED
    assert [seen.files for seen in end.submissions] == [1]
    assert holds(run, TOKEN) == []
    assert not run.relay.exists()
    assert not run.reserve.exists()
    assert list(Path("/sys/fs/cgroup").rglob(f"ptb-lite-{run.run_id}")) == []


def test_what_even_the_supervisor_left_is_taken_back_by_the_next_run(
    bench: Bench, play: Path
) -> None:
    stand_in(play, "codex", "true")
    phase = signed_in(bench, play, "codex", "true")
    dead = phase.run
    auth = dead.workspace / ".home" / ".codex" / "auth.json"
    auth.write_text(json.dumps(STORED["codex"][".codex/auth.json"]))
    dead.login.write_text('{"version": 1, "files": [".home/.codex/auth.json"]}')
    (dead.trace / "stdout.log").write_text(f"token {TOKEN}")
    agent_phase(bench, "print('another')")
    assert not auth.exists()
    assert not dead.login.exists()
    assert holds(dead, TOKEN) == []


def test_a_key_in_a_file_of_the_agent_is_masked_and_named(
    bench: Bench, play: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_API_KEY", KEY)
    stand_in(play, "codex", 'echo "$CODEX_API_KEY" >notes.txt; echo "$CODEX_API_KEY" >&2')
    phase = agent_phase(bench, "", agent="codex", network="model-only")
    assert (phase.run.workspace / "notes.txt").read_text() == "*" * len(KEY) + "\n"
    assert holds(phase.run, KEY) == []
    assert any("stood in notes.txt and is masked now" in text for text in phase.warnings())

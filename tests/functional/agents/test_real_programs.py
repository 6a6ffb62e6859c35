"""The four real programs in the sandbox, against a model on loopback: started, resumed, killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ptb_lite.agents.event_bounds import LineSplitter
from ptb_lite.agents.program import find_program
from ptb_lite.agents.protocol import AgentPlan, ResumableBackend
from ptb_lite.agents.registry import plan_agent
from ptb_lite.catalog import load_catalog
from ptb_lite.events import AgentEvent, AgentEventKind, Outcome
from ptb_lite.sandbox import Ended, SandboxPlan, Supervised, interpreter_paths, sandbox, start
from tests.functional.agents.model_server import (
    DONE,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    ModelServer,
    model_server,
)
from tests.functional.sandbox.lab import wait_until

KEY = "sk-test-0123456789abcdef"
PATIENCE = 120.0
CATALOG = load_catalog(Path("/nonexistent"))
# Catalogue id: the variable of the key, what follows the server's address, the model.
AGENTS = {
    "claude-code": ("ANTHROPIC_API_KEY", "", "fake-model"),
    "codex": ("OPENAI_API_KEY", "/v1", "fake-model"),
    "gemini": ("GEMINI_API_KEY", "", "gemini-2.5-pro"),
    "opencode": ("OPENAI_API_KEY", "/v1", "openai/fake-model"),
}
# A child that leaves the session, and a tool that ignores the request to end.
STAY = "setsid sleep 1000 & trap '' TERM; cp /proc/self/status proof.txt; sleep 1000"
FOLDER = "/opt/ptb-lite-test/bin"
K = AgentEventKind


@dataclass
class Stage:
    """One agent with a workspace of its own; each process's output is read by one backend."""

    folder: Path
    plan: AgentPlan

    @property
    def workspace(self) -> Path:
        return self.plan.start.workspace

    def start(
        self, command: list[str], deadline: float = PATIENCE, message: str | None = None
    ) -> Supervised:
        said = self.folder / "input"
        said.write_text(self.plan.start.prompt() if message is None else message)
        own = [*self.plan.folders, Path(FOLDER)]
        folders = [*own, Path("/usr/local/bin"), Path("/usr/bin"), Path("/bin")]
        environment = {
            "PATH": os.pathsep.join(map(str, folders)),
            "LANG": "C.UTF-8",
            **self.plan.backend.environment(self.plan.start),
        }
        box = SandboxPlan(
            workspace=self.workspace,
            read_only=(*interpreter_paths(), *self.plan.read_only),
            environment=environment,
            network="full",
        )
        return start(
            sandbox("bubblewrap").wrap(command, box),
            environment=environment,
            cwd=self.workspace,
            deadline_seconds=deadline,
            stdout=self.folder / "stdout",
            stderr=self.folder / "stderr",
            stdin=said,
        )

    def run(self, command: list[str], message: str | None = None) -> tuple[Ended, list[AgentEvent]]:
        """How a process ended, and the events of its output alone."""
        before = self.said()
        ended = self.start(command, message=message).wait(PATIENCE + 30)
        assert ended is not None
        splitter = LineSplitter()
        lines = [*splitter.feed(self.said()[len(before) :]), *splitter.rest()]
        return ended, [event for line in lines for event in self.plan.read_line(line)]

    def said(self) -> bytes:
        path = self.folder / "stdout"
        return path.read_bytes() if path.exists() else b""

    def errors(self) -> str:
        return (self.folder / "stderr").read_text(errors="replace")[-3000:]


@pytest.fixture(params=AGENTS)
def agent(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server("env > seen.txt; cp /proc/self/status proof.txt; echo written") as made:
        yield made


@pytest.fixture
def stage(
    agent: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    if problem := sandbox("bubblewrap").problem():
        pytest.skip(problem)
    return make_stage(agent, server, tmp_path, monkeypatch)


def make_stage(
    agent: str, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    entry = CATALOG.agent(agent)
    if find_program(entry.program) is None:
        pytest.skip(f"{entry.program} is not installed: {entry.install}")
    variable, path, model = AGENTS[agent]
    for name in entry.keys:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, KEY)
    assert entry.endpoint_variable is not None
    monkeypatch.setenv(entry.endpoint_variable, server.url + path)
    monkeypatch.setenv("SOME_OTHER_SECRET", "hidden")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "prompt.md").write_text("# Your task\n\nWrite the file.\n")
    return Stage(tmp_path, plan_agent(entry, workspace=workspace, model=model))


def tokens(events: list[AgentEvent]) -> tuple[float, float]:
    used = [event.data for event in events if event.kind is K.USAGE]
    return sum(u["input_tokens"] for u in used), sum(u["output_tokens"] for u in used)


def check_turn(stage: Stage, ended: Ended, events: list[AgentEvent]) -> None:
    """One tool call, its result, the final answer, tokens; every line understood."""
    assert ended.outcome is Outcome.FINISHED, (ended, stage.said()[-3000:], stage.errors())
    kinds = [event.kind for event in events]
    assert K.UNKNOWN not in kinds, [e.text for e in events if e.kind is K.UNKNOWN]
    assert kinds.count(K.TOOL_CALL) == 1
    assert any("written" in e.text for e in events if e.kind is K.TOOL_RESULT), events
    assert DONE in [e.text for e in events if e.kind is K.MESSAGE]
    assert tokens(events) == (2 * INPUT_TOKENS, 2 * OUTPUT_TOKENS)


def session_ids(events: list[AgentEvent]) -> set[str]:
    return {event.session_id for event in events if event.session_id is not None}


def processes_of(stage: Stage) -> list[list[str]]:
    """Command lines of the living processes whose environment or arguments name the workspace."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        if alive and process.pid != os.getpid() and any(str(stage.workspace) in t for t in told):
            found.append(process.cmdline())
    return found


def test_a_tool_call_a_file_an_answer_and_on_again(stage: Stage, server: ModelServer) -> None:
    backend, begin = stage.plan.backend, stage.plan.start
    assert isinstance(backend, ResumableBackend)
    ended, events = stage.run(backend.command(begin))
    check_turn(stage, ended, events)
    assert (stage.workspace / "proof.txt").exists()
    assert server.keys == {KEY}
    seen = (stage.workspace / "seen.txt").read_text()
    # Its commands find the programs that we put on the PATH, and at most the one key.
    assert f"{FOLDER}:/usr/local/bin:/usr/bin:/bin" in seen
    secrets = [line for line in seen.splitlines() if KEY in line or "hidden" in line]
    assert len(secrets) <= 1, secrets
    (session_id,) = session_ids(events)
    (stage.workspace / "proof.txt").unlink()

    ended, events = stage.run(backend.resume(begin, session_id), "Go on.")
    check_turn(stage, ended, events)
    assert (stage.workspace / "proof.txt").exists()
    # A program that names its session again names the same.
    assert session_ids(events) <= {session_id}
    # The model was told the first conversation as well.
    assert "Write the file." in server.last
    assert "Go on." in server.last


def test_no_process_is_left_after_a_stop(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model_server(STAY) as server:
        stage = make_stage(agent, server, tmp_path, monkeypatch)
        running = stage.start(stage.plan.backend.command(stage.plan.start))
        wait_until((stage.workspace / "proof.txt").exists, "the tool's call", PATIENCE)
        assert processes_of(stage)
        running.stop()
        ended = running.wait(PATIENCE)
    assert ended is not None
    assert ended.outcome is Outcome.STOPPED
    wait_until(lambda: not processes_of(stage), "the end of all processes", 2.0)


@pytest.mark.parametrize(
    "name",
    ["opencode", *(pytest.param(n, marks=pytest.mark.slow) for n in AGENTS if n[:2] != "op")],
)
def test_a_command_that_a_signal_ends_is_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one out of memory, or that ends its own shell by a word in it; nothing waits for it."""
    with model_server("pkill -f a_word_of_it; echo never") as server:
        stage = make_stage(name, server, tmp_path, monkeypatch)
        ended, events = stage.run(stage.plan.backend.command(stage.plan.start))
    assert ended.outcome is Outcome.FINISHED, (ended, stage.said()[-3000:], stage.errors())
    assert DONE in [event.text for event in events if event.kind is K.MESSAGE]
    assert not any("never" in event.text for event in events if event.kind is K.TOOL_RESULT)


@pytest.mark.parametrize(
    ("name", "deadline"),
    [
        ("claude-code", 12.0),
        # It goes on without a tool's result after ten seconds.
        pytest.param("codex", 8.0, marks=pytest.mark.slow),
        *(pytest.param(n, 40.0, marks=pytest.mark.slow) for n in ("gemini", "opencode")),
    ],
)
def test_the_deadline_ends_a_real_program(
    name: str, deadline: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with model_server(STAY) as server:
        stage = make_stage(name, server, tmp_path, monkeypatch)
        running = stage.start(stage.plan.backend.command(stage.plan.start), deadline=deadline)
        wait_until((stage.workspace / "proof.txt").exists, "the tool's call", deadline)
        ended = running.wait(PATIENCE)
        # What it said until then is understood, and its tokens are counted.
        events = [e for line in stage.said().splitlines() for e in stage.plan.read_line(line)]
    assert ended is not None
    assert ended.outcome is Outcome.TIME_EXCEEDED
    assert deadline <= ended.seconds < deadline + 2.0
    # The others say what they used only when a step is over, which this one never is.
    assert tokens(events)[0] == (INPUT_TOKENS if name == "claude-code" else 0)
    wait_until(lambda: not processes_of(stage), "the end of all processes", 2.0)


def test_a_refused_key_shows_as_an_error(
    agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> bool:
        lines = stage.said().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        events = [event for line in whole for event in stage.plan.read_line(line)]
        return any("401" in event.text for event in events if event.kind is K.ERROR)

    with model_server("true", refuses=True) as server:
        stage = make_stage(agent, server, tmp_path, monkeypatch)
        running = stage.start(stage.plan.backend.command(stage.plan.start))
        # Some would try again for minutes.
        wait_until(refused, "an error", PATIENCE)
        running.stop()
        ended = running.wait(PATIENCE)
    assert ended is not None
    assert ended.outcome in (Outcome.STOPPED, Outcome.FAILED)

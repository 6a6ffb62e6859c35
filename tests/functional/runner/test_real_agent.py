"""A whole run with a real scaffold, whose model on loopback has it hand in an adapter."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ptb_lite.agents.program import find_program
from ptb_lite.catalog import load_catalog
from ptb_lite.events import AgentEventKind, AgentSpoke, Outcome, Verdict, Warned
from ptb_lite.runs.journal import read_journal
from tests.functional.agents.model_server import INPUT_TOKENS, model_server
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import SUBMIT, Bench

KEY = "sk-test-0123456789abcdef"
AGENTS = {
    "claude-code": ("ANTHROPIC_API_KEY", "", "fake-model"),
    "codex": ("CODEX_API_KEY", "/v1", "fake-model"),
    "gemini": ("GEMINI_API_KEY", "", "gemini-2.5-pro"),
    "opencode": ("OPENAI_API_KEY", "/v1", "openai/fake-model"),
}


def prepare(agent: str, server_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give this process the agent's key and endpoint; the model's name. Skips without it."""
    entry = load_catalog().agent(agent)
    if find_program(entry.program) is None:
        pytest.skip(f"{entry.program} is not installed: {entry.install}")
    variable, path, model = AGENTS[agent]
    monkeypatch.setenv(variable, KEY)
    assert entry.endpoint_variable is not None
    monkeypatch.setenv(entry.endpoint_variable, server_url + path)
    return model


@pytest.mark.parametrize(
    "agent",
    [
        "claude-code",
        # Their agent phases are in the fast tests, too (test_agent_network).
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("codex", "gemini", "opencode")),
    ],
)
def test_a_run_from_prompt_to_score(
    bench: Bench, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = SUBMIT + f"submit(); print(open('prompt.md').read()[:20], {KEY!r})"
    with model_server(f"python -c {shlex.quote(code)}") as server:
        model = prepare(agent, server.url, monkeypatch)
        run = bench.run(
            "",
            agent=agent,
            agent_model=model,
            minutes=2.0,
            network="model-only",
        )
    events = [event.payload for event in read_journal(run.journal).events]
    spoken = [payload.event for payload in events if isinstance(payload, AgentSpoke)]
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid, scores.submission_reason
    assert scores.verdict is Verdict.CLEAN, (run.path / "audit.json").read_text()[:3000]
    assert [e.kind for e in spoken].count(AgentEventKind.TOOL_CALL) == 1
    assert sum(e.data["input_tokens"] for e in spoken if e.kind is AgentEventKind.USAGE) == 200
    # It printed its key, which some programs note in their session: that is masked, and said.
    warned = [p.message for p in events if isinstance(p, Warned)]
    assert [m for m in warned if not m.startswith("what the agent signs in with stood in .h")] == []
    kept = [path for path in run.path.rglob("*") if path.is_file()]
    assert [path for path in kept if KEY.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    "agent",
    ["claude-code", *(pytest.param(n, marks=pytest.mark.slow) for n in AGENTS if n[:2] != "cl")],
)
def test_a_training_in_the_background_is_there_at_the_end(
    bench: Bench, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script := bench.config / "train.py").write_text(
        SUBMIT + "import time; time.sleep(8); submit()"
    )
    command = f"nohup python {script} >train.log 2>&1 & echo started"
    with model_server(command) as server:
        model = prepare(agent, server.url, monkeypatch)
        phase = agent_phase(
            bench, "", agent=agent, agent_model=model, minutes=3.0, startup_minutes=3.0,
            network="full", read_only=(script,),
        )  # fmt: skip
    assert phase.end.outcome is Outcome.FINISHED, phase.end
    assert (phase.run.workspace / "final_model" / "adapter_config.json").exists()
    assert phase.end.submissions


# The brackets keep the tool's own shell, which holds the pattern, from being found by it.
WORDS = ("evaluate.p[y]", "ptb-lite-trai[n]", "trai[n]", "timer.s[h]", "final_mode[l]")
ENDS = "; ".join(f"pkill -f '{word}'" for word in WORDS)


@pytest.mark.parametrize(
    "agent",
    [
        *("claude-code", "local", "command"),
        *(pytest.param(n, marks=pytest.mark.slow) for n in AGENTS if n[:2] != "cl"),
    ],
)
def test_an_agent_that_ends_processes_by_name_lives_on(
    bench: Bench, agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if agent == "local":
        # Where the runs lie may be called so, too.
        bench.runs_dir = tmp_path / "post-train" / "evaluate.py" / "runs"
    train = "(n=n; exec -a ptb-lite-trai$n sleep 1000)"
    work = f"{train} & sleep 1; {ENDS}; wait $!; echo $? >lived"
    if agent == "command":
        phase = agent_phase(bench, ["bash", "-c", work])
    else:
        with model_server(work) as server:
            model = f"stub@{server.url}/v1" if agent == "local" else None
            model = model or prepare(agent, server.url, monkeypatch)
            phase = agent_phase(
                bench, "", agent=agent, agent_model=model, minutes=3.0, startup_minutes=3.0,
                network="model-only",
            )  # fmt: skip
            # It heard the task, which is full of these words, and its tool's result.
            assert server.calls == 1
    assert phase.end.outcome is Outcome.FINISHED, (phase.end, phase.printed()[-2000:])
    # The training itself was ended, by SIGTERM.
    assert (phase.run.workspace / "lived").read_text() == "143\n"


@pytest.mark.slow
@pytest.mark.parametrize("agent", AGENTS)
def test_an_early_end_is_asked_on_in_the_same_session(
    bench: Bench, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It works once, and then only answers: that ends it after three times, on any machine.
    with model_server("echo worked", once=True) as server:
        model = prepare(agent, server.url, monkeypatch)
        phase = agent_phase(
            bench, "", agent=agent, agent_model=model, minutes=5.0, startup_minutes=3.0,
            network="full", on_early_stop="reprompt",
        )  # fmt: skip
    assert phase.end.outcome is Outcome.FINISHED, phase.end
    assert len(phase.end.turns) == 4
    assert "does nothing when asked" in phase.warnings()[-1]
    # The last request holds the task and what the agent was told each time.
    assert "Your task" in server.last
    assert server.last.count("You have ended, but your time has not") == 3
    spoken = [p.event for p in phase.payloads() if isinstance(p, AgentSpoke)]
    assert len({event.session_id for event in spoken if event.session_id is not None}) == 1
    assert [event.kind for event in spoken].count(AgentEventKind.TOOL_CALL) == 1
    used = sum(e.data["input_tokens"] for e in spoken if e.kind is AgentEventKind.USAGE)
    assert used == (2 + 3) * INPUT_TOKENS

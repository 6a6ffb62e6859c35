"""The four scaffolds: their command lines and environments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.agents.start import AgentStart, Key
from ptb_lite.errors import PtbLiteError

BACKENDS = {
    "claude": ClaudeCodeBackend,
    "codex": CodexBackend,
    "gemini": GeminiBackend,
    "opencode": OpenCodeBackend,
}


def start(tmp_path: Path, **fields: object) -> AgentStart:
    prompt = tmp_path / "prompt.md"
    prompt.write_text("# Do it\n")
    values = {"model": "m", "program": "/p/agent", "key": Key("SOME_KEY", "s3cret"), **fields}
    return AgentStart(workspace=tmp_path, prompt_file=prompt, **values)  # type: ignore[arg-type]


def test_claude_code_is_started_and_resumed(tmp_path: Path) -> None:
    begin = start(tmp_path, key=Key("ANTHROPIC_API_KEY", "s3cret"), endpoint="http://h:1")
    command = ClaudeCodeBackend().command(begin)
    assert "/p/agent" in command
    assert command[-1] == "-p"
    assert {"--verbose", "stream-json", "--dangerously-skip-permissions", "m"} < set(command)
    again = ClaudeCodeBackend().resume(begin, "sid")
    assert again[-3:] == ["--resume", "sid", "-p"]
    environment = ClaudeCodeBackend().environment(begin)
    assert environment["ANTHROPIC_API_KEY"] == "s3cret"
    assert environment["ANTHROPIC_BASE_URL"] == "http://h:1"


def test_codex_gets_its_provider_as_toml(tmp_path: Path) -> None:
    begin = start(tmp_path, endpoint='http://h:1/"v1')
    command = CodexBackend().command(begin)
    assert command[4:6] == ["/p/agent", "exec"]
    assert command[-1] == "-"
    assert 'model_providers.ptb-lite.base_url="http://h:1/\\"v1"' in command
    assert 'model_providers.ptb-lite.wire_api="responses"' in command
    assert CodexBackend().resume(begin, "tid")[4:7] == ["/p/agent", "exec", "resume"]
    assert CodexBackend().resume(begin, "tid")[-2:] == ["tid", "-"]
    assert CodexBackend().environment(begin)["CODEX_API_KEY"] == "s3cret"


def test_opencode_wants_provider_and_model(tmp_path: Path) -> None:
    for model in (None, "", "m", "/m", "p/"):
        with pytest.raises(PtbLiteError, match="PROVIDER/MODEL"):
            OpenCodeBackend().command(start(tmp_path, model=model))
    begin = start(tmp_path, model="openrouter/a/b", endpoint="http://h:1")
    assert OpenCodeBackend().resume(begin, "sid")[-2:] == ["--session", "sid"]
    settings = json.loads(OpenCodeBackend().environment(begin)["OPENCODE_CONFIG_CONTENT"])
    assert settings["provider"]["ptb-lite"]["options"]["baseURL"] == "http://h:1"
    assert "a/b" in settings["provider"]["ptb-lite"]["models"]
    assert "ptb-lite/a/b" in OpenCodeBackend().command(begin)


@pytest.mark.parametrize("name", BACKENDS)
def test_no_command_line_holds_the_key(name: str, tmp_path: Path) -> None:
    backend, begin = BACKENDS[name](), start(tmp_path, model="p/m", endpoint="http://h:1")
    assert "s3cret" not in " ".join([*backend.command(begin), *backend.resume(begin, "s")])
    assert "s3cret" not in repr(begin)
    values = [v for v in backend.environment(begin).values() if "s3cret" in v]
    assert values == ["s3cret"]


@pytest.mark.parametrize("name", BACKENDS)
def test_no_command_line_holds_a_word_of_the_prompt(name: str, tmp_path: Path) -> None:
    backend, begin = BACKENDS[name](), start(tmp_path, model="p/m", endpoint="http://h:1")
    begin.prompt_file.write_text("train with evaluate.py, timer.sh and ptb-lite-train")
    line = " ".join([*backend.command(begin), *backend.resume(begin, "s")])
    line = line.replace(str(tmp_path), "")
    for word in ("train", "evaluate", "timer.sh", "final_model"):
        assert word not in line


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("claude", '"BASH_DEFAULT_TIMEOUT_MS": "36000000"'),
        ("codex", "background_terminal_max_timeout=36000000"),
        ("gemini", '\\"inactivityTimeout\\": 0'),
        ("opencode", '"OPENCODE_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS": "36000000"'),
    ],
)
def test_a_command_may_run_for_hours(name: str, setting: str, tmp_path: Path) -> None:
    backend, begin = BACKENDS[name](), start(tmp_path, model="p/m")
    for command in (backend.command(begin), backend.resume(begin, "s")):
        assert setting in json.dumps([command, dict(backend.environment(begin))])

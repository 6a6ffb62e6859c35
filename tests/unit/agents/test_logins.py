"""What of the programs' own logins a run takes: what signs in, and nothing beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.agents.registry import agent_plugin
from ptb_lite.agents.scaffold import Scaffold
from ptb_lite.agents.secrets.logins import Login, find_login, secrets_in

TOKEN = "tok-0123456789abcdef0123"
OTHER = "other-service-0123456789"
STORED = {
    "claude-code": {
        ".claude/.credentials.json": {
            "claudeAiOauth": {"accessToken": TOKEN, "refreshToken": "r" + TOKEN, "scopes": ["a"]},
            "mcpOAuth": {"x": {"accessToken": OTHER}},
        },
        ".claude.json": {
            "oauthAccount": {"emailAddress": "me@example.com"},
            "projects": {"/home/me/secret-project": {"history": [OTHER]}},
        },
    },
    "codex": {
        ".codex/auth.json": {
            "OPENAI_API_KEY": None,
            "tokens": {"id_token": "i" + TOKEN, "access_token": TOKEN, "account_id": "a-1"},
        }
    },
    "gemini": {
        ".gemini/oauth_creds.json": {"access_token": TOKEN, "token_type": "Bearer"},
        ".gemini/google_accounts.json": {"active": "me@example.com", "old": ["x@example.com"]},
    },
    "opencode": {
        ".local/share/opencode/auth.json": {
            "anthropic": {"type": "oauth", "access": TOKEN, "refresh": "r" + TOKEN},
            "github": {"type": "api", "key": OTHER},
        }
    },
}


def login_of(backend: str, home: Path, model: str = "anthropic/m") -> Login | None:
    plugin = agent_plugin(backend)
    assert isinstance(plugin, Scaffold)
    return find_login(plugin.wanted_login(model), home)


def sign_in(home: Path, backend: str) -> None:
    for name, content in STORED[backend].items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


@pytest.mark.parametrize("backend", STORED)
def test_the_login_is_found_with_its_secrets_and_without_others(
    backend: str, tmp_path: Path
) -> None:
    assert login_of(backend, tmp_path) is None
    sign_in(tmp_path, backend)
    login = login_of(backend, tmp_path)
    assert login is not None
    assert login.source == tmp_path / next(iter(STORED[backend]))
    assert [file.path for file in login.files] == list(STORED[backend])
    assert TOKEN in login.secrets()
    content = "".join(file.content for file in login.files)
    assert OTHER not in content
    assert "secret-project" not in content
    assert "Bearer" not in login.secrets()
    # Its secrets are in no message that shows it.
    assert TOKEN not in repr(login)


def test_of_opencode_the_login_of_the_models_provider_alone(tmp_path: Path) -> None:
    sign_in(tmp_path, "opencode")
    assert login_of("opencode", tmp_path, "openai/m") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"claudeAiOauth": null}', "[" * 9999])
def test_a_file_that_holds_no_login(tmp_path: Path, content: str) -> None:
    path = tmp_path / ".claude/.credentials.json"
    path.parent.mkdir()
    path.write_text(content)
    found = login_of("claude-code", tmp_path)
    assert found is None or found.secrets() == ()


@given(st.text(max_size=200))
def test_any_text_has_secrets_or_none(text: str) -> None:
    assert isinstance(secrets_in(text), tuple)

"""The logins that the scaffolds' own programs keep: which files, and what of them a run needs.

Only what signs in is taken: not a program's settings, history, or other services' tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

MAX_FILE_BYTES = 1 << 20
# Shorter values are words like "Bearer", not secrets.
_MIN_SECRET = 16
_SECRET_NAMES = ("token", "key", "secret", "access", "refresh", "jwt")


@dataclass(frozen=True)
class LoginFile:
    """`path` is relative to a home, `content` what goes there."""

    path: str
    content: str

    def __repr__(self) -> str:
        return f"LoginFile({self.path!r})"


@dataclass(frozen=True)
class Login:
    """A login as found on this machine; `files[0]` is the one that signs in."""

    source: Path
    files: tuple[LoginFile, ...]

    def secrets(self) -> tuple[str, ...]:
        """Every value in the files that must not be shown."""
        return tuple(dict.fromkeys(s for file in self.files for s in secrets_in(file.content)))


@dataclass(frozen=True)
class _Wanted:
    """`take` picks what is needed of a file's JSON object; empty: there is no login in it."""

    path: str
    take: Callable[[dict[str, Any], str], dict[str, Any]]


def _all(value: dict[str, Any], provider: str) -> dict[str, Any]:  # noqa: ARG001
    return value


def _only(*names: str) -> Callable[[dict[str, Any], str], dict[str, Any]]:
    return lambda value, _: {name: value[name] for name in names if name in value}


def _of_provider(value: dict[str, Any], provider: str) -> dict[str, Any]:
    return {provider: value[provider]} if provider in value else {}


_FILES: Mapping[str, tuple[_Wanted, ...]] = MappingProxyType(
    {
        "claude-code": (
            # Beside the login there may be tokens of other services (MCP servers).
            _Wanted(".claude/.credentials.json", _only("claudeAiOauth")),
            _Wanted(".claude.json", _only("oauthAccount", "userID", "hasCompletedOnboarding")),
        ),
        "codex": (_Wanted(".codex/auth.json", _all),),
        "gemini": (
            _Wanted(".gemini/oauth_creds.json", _all),
            _Wanted(".gemini/google_accounts.json", _only("active")),
        ),
        "opencode": (_Wanted(".local/share/opencode/auth.json", _of_provider),),
    }
)


def login_paths(backend: str) -> tuple[str, ...]:
    """The files of a backend's login, relative to a home; empty for one that has none."""
    return tuple(wanted.path for wanted in _FILES.get(backend, ()))


def find_login(backend: str, home: Path, *, provider: str = "") -> Login | None:
    """The login of a person whose home is `home`; None where there is none that can be read.

    `provider` is of use to opencode alone, which keeps one login for each.
    """
    files = []
    for wanted in _FILES.get(backend, ()):
        taken = wanted.take(_json_object(home / wanted.path), provider)
        if taken:
            files.append(LoginFile(wanted.path, json.dumps(taken)))
        elif not files:
            return None  # the first one is the login itself
    return Login(home / files[0].path, tuple(files)) if files else None


def secrets_in(content: str) -> tuple[str, ...]:
    """The values of JSON fields whose names say that they are secret; empty for no JSON."""
    try:
        return tuple(_secrets(json.loads(content), secret=False))
    except (ValueError, RecursionError):
        return ()


def _secrets(value: object, *, secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _secrets(inner, secret=any(word in name.lower() for word in _SECRET_NAMES))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, secret=secret)
    elif isinstance(value, str) and secret and len(value) >= _MIN_SECRET:
        yield value


def _json_object(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one when it cannot be read or is none."""
    try:
        with path.open("rb") as stream:
            value = json.loads(stream.read(MAX_FILE_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

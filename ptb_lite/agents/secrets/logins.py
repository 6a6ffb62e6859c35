"""The logins that the scaffolds' own programs keep: which files, and what of them a run needs.

Only what signs in is taken: not a program's settings, history, or other services' tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
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
class Wanted:
    """A file of a login, relative to a home. `take` picks what is needed of its JSON object;
    empty: there is no login in it."""

    path: str
    take: Callable[[dict[str, Any]], dict[str, Any]] = dict


def only(*names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Takes these fields of an object and no other."""
    return lambda value: {name: value[name] for name in names if name in value}


def find_login(wanted: Sequence[Wanted], home: Path) -> Login | None:
    """The login of a person whose home is `home`, whose first file is the login itself; None where
    there is none that can be read."""
    files = []
    for each in wanted:
        taken = each.take(_json_object(home / each.path))
        if taken:
            files.append(LoginFile(each.path, json.dumps(taken)))
        elif not files:
            return None
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

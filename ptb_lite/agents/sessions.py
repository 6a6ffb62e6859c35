"""What each program keeps below its home: sessions, and files of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HOME = ".home"
"""A scaffold's home, relative to the workspace."""

SESSION_FOLDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "claude-code": (".claude/projects/", ".claude/todos/", ".claude/shell-snapshots/"),
        "codex": (".codex/sessions/", ".codex/history.jsonl"),
        "gemini": (".gemini/tmp/",),
        "local": ("local-session.json",),
        "opencode": (".local/share/opencode/",),
    }
)


PROGRAM_FOLDERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Codex unpacks skills of its own there at its start, one of which calls its maker's API.
        "codex": (".codex/skills/.system/",),
    }
)
"""What a program puts into its home by itself, whatever its model does."""


def is_program_file(backend: str, path: str) -> bool:
    """Whether a file of the workspace, relative to it, lies where a program puts its own."""
    folders = PROGRAM_FOLDERS.get(backend, ())
    return any(path.startswith(f"{HOME}/{folder}") for folder in folders)


def is_session_file(backend: str, path: str) -> bool:
    """Whether a file of the workspace, relative to it, is a backend's own record of a session."""
    folders = SESSION_FOLDERS.get(backend, ())
    return any(path.startswith(f"{HOME}/{folder}") for folder in folders)

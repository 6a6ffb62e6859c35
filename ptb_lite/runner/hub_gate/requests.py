"""What a request to the Hub asks for, told from its path. Pure functions.

The routes are those of the Hub's public API as `huggingface_hub` calls them: information, listings
and files by revision. Everything else has no meaning here and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

RepoKind = Literal["model", "dataset", "space"]
Operation = Literal["info", "tree", "paths", "file", "search", "git", "other"]

_KINDS: dict[str, RepoKind] = {"models": "model", "datasets": "dataset", "spaces": "space"}
_ROUTES: dict[str, Operation] = {
    "revision": "info",
    "refs": "info",
    "tree": "tree",
    "paths-info": "paths",
}
_MAX_TARGET = 4000


@dataclass(frozen=True)
class HubRequest:
    """One request, understood."""

    operation: Operation
    kind: RepoKind = "model"
    repo: str = ""
    """OWNER/NAME, or NAME alone for the Hub's oldest models; empty where none is named."""
    revision: str = "main"
    path: str = ""
    """The file in the repository, or the folder of a listing."""


def parse(target: str) -> HubRequest:
    """The request of a target such as `/datasets/openai/gsm8k/resolve/main/README.md?x=y`.

    A target that is too long, climbs out of its repository or is of no known route is `other`.
    """
    if len(target) > _MAX_TARGET:
        return HubRequest("other")
    # Split before anything is decoded: a revision may hold an encoded slash.
    parts = [unquote(part) for part in urlsplit(target).path.split("/") if part]
    if any(part in (".", "..") or "\x00" in part for part in _segments(parts)):
        return HubRequest("other")
    if parts[:1] == ["api"]:
        return _api(parts[1:])
    return _plain(parts)


def _api(parts: list[str]) -> HubRequest:
    if parts[:1] == ["resolve-cache"] and len(parts) >= 6 and parts[1] in _KINDS:
        kind = _KINDS[parts[1]]
        return HubRequest("file", kind, "/".join(parts[2:4]), parts[4], "/".join(parts[5:]))
    if not parts or parts[0] not in _KINDS:
        return HubRequest("other")
    kind, rest = _KINDS[parts[0]], parts[1:]
    if not rest:
        return HubRequest("search", kind)
    for length in (1, 2):
        route = rest[length] if len(rest) > length else None
        if route in _ROUTES and (length == 2 or len(rest) > 1):
            repo, after = "/".join(rest[:length]), rest[length + 1 :]
            revision = after[0] if after else "main"
            return HubRequest(_ROUTES[route], kind, repo, revision, "/".join(after[1:]))
    if len(rest) <= 2:
        return HubRequest("info", kind, "/".join(rest))
    return HubRequest("other", kind, "/".join(rest[:2]))


def _plain(parts: list[str]) -> HubRequest:
    kind: RepoKind = "model"
    if parts[:1] and parts[0] in _KINDS:
        kind, parts = _KINDS[parts[0]], parts[1:]
    for length in (1, 2):
        route = parts[length] if len(parts) > length else None
        repo = "/".join(parts[:length])
        if route in ("resolve", "raw") and len(parts) >= length + 3:
            return HubRequest("file", kind, repo, parts[length + 1], "/".join(parts[length + 2 :]))
        if route in ("info", "git-upload-pack", "git-receive-pack"):
            return HubRequest("git", kind, repo.removesuffix(".git"))
    return HubRequest("other", kind, "/".join(parts[:2]))


def _segments(parts: list[str]) -> list[str]:
    """The parts, also those that an encoded slash had hidden."""
    return [piece for part in parts for piece in part.split("/")]

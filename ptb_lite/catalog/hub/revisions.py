"""Which commit of a Hub repository is used: resolved once, recorded, and then held.

A branch that moves changes nothing by itself. What is held stands in `hub-revisions.json` in the
state folder, one entry for each repository and name of a revision; deleting an entry, or writing a
commit into `revision:` of models.yaml or benchmarks.yaml, takes another one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ptb_lite.catalog.hub.errors import as_hub_error
from ptb_lite.errors import CatalogError
from ptb_lite.events import Record
from ptb_lite.files import write_record
from ptb_lite.installation import state_root
from ptb_lite.locks import waiting_lock

Kind = Literal["model", "dataset"]
MAIN = "main"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILE_BYTES = 1 << 20


class HeldRevisions(Record):
    """The content of hub-revisions.json: a commit for each `KIND/OWNER/NAME@REVISION`."""

    version: Literal[1] = 1
    commits: dict[str, str] = Field(default_factory=dict)


def held_commit(repo: str, revision: str = "", *, kind: Kind = "model") -> str:
    """The commit to use, without asking the network; empty where none is known yet.

    It is `revision` itself where that is a commit, else what is recorded, else what the Hub's
    client has cached under that name, which is then recorded.
    """
    name = revision or MAIN
    if _COMMIT.fullmatch(name):
        return name
    recorded = _read().commits.get(f"{kind}/{repo}@{name}", "")
    if _COMMIT.fullmatch(recorded):
        return recorded
    cached = _cached_commit(repo, name, kind)
    return _hold(repo, name, kind, cached) if cached else ""


def resolve_commit(
    repo: str,
    revision: str = "",
    *,
    kind: Kind = "model",
    seconds: float = 10.0,
    token: str | None = None,
) -> str:
    """As `held_commit`, but asks the Hub where none is known, and records the answer.

    Raises HubError where the Hub does not say.
    """
    held = held_commit(repo, revision, kind=kind)
    if held:
        return held
    import huggingface_hub

    name = revision or MAIN
    with as_hub_error(repo, kind=kind):
        found = huggingface_hub.HfApi().repo_info(
            repo, repo_type=kind, revision=name, timeout=seconds, token=token
        )
    if not _COMMIT.fullmatch(found.sha or ""):
        raise CatalogError(f"the Hub names no commit for {name} of {repo}", field=kind)
    return _hold(repo, name, kind, str(found.sha))


def _path() -> Path:
    return state_root() / "hub-revisions.json"


def _read() -> HeldRevisions:
    try:
        with _path().open("rb") as file:
            return HeldRevisions.model_validate_json(file.read(_FILE_BYTES))
    except (OSError, ValidationError):
        return HeldRevisions()


def _hold(repo: str, name: str, kind: Kind, commit: str) -> str:
    """Record it, unless another process was first: then that one is held."""
    key, path = f"{kind}/{repo}@{name}", _path()
    # A state folder that cannot be written costs the record, not the run: spec.json has it too.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with waiting_lock(path.with_name(path.name + ".lock")):
            now = _read()
            if key in now.commits:
                return now.commits[key]
            write_record(path, now.model_copy(update={"commits": {**now.commits, key: commit}}))
    return commit


def _cached_commit(repo: str, name: str, kind: Kind) -> str:
    """The commit that the client's cache has for a branch or tag, with its files."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"{kind}s--{repo.replace('/', '--')}"
    try:
        commit = (folder / "refs" / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    there = _COMMIT.fullmatch(commit) and (folder / "snapshots" / commit).is_dir()
    return commit if there else ""

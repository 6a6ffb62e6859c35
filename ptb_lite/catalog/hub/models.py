"""Models of the Hugging Face Hub: from the shared Hub cache to a plain folder, and their access.

The Hub client is imported inside the functions, so that the embedded models need none of it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.hub.download import WANTED, download
from ptb_lite.catalog.hub.errors import HubError, as_hub_error, no_token
from ptb_lite.catalog.hub.revisions import MAIN, held_commit, resolve_commit
from ptb_lite.catalog.model_figures import check_figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptb_lite.catalog.entries import ModelEntry
    from ptb_lite.catalog.hub.download import OnBytes

_CHECK_SECONDS = 10.0


def hub_model(
    entry: ModelEntry,
    cache: Path | None = None,
    *,
    on_progress: Callable[[str], None] | None = None,
    on_bytes: OnBytes | None = None,
) -> Path:
    """The folder of a Hub model, with plain files: links into the Hub cache would leave a sandbox.

    They are hard links into the Hub cache where the file system allows, else copies, of the commit
    that is held for it (`revisions.py`). `on_bytes` is given the bytes that are here and those of
    all files. Raises HubError, also where the model is another one than the catalogue says.
    """
    say = on_progress or (lambda _message: None)
    name = _hub_id(entry)
    commit = resolve_commit(name, entry.revision)
    snapshot = _snapshot(name, commit)
    if snapshot is None:
        say(f"{entry.id}: downloading {name} at {commit[:12]} from the Hub")
        snapshot = download(name, commit, on_bytes=on_bytes)
    if not _is_whole(snapshot):
        raise HubError(
            "the Hub's copy has no config.json or no safetensors weights", field=entry.id
        )
    check_figures(entry, snapshot)
    return _placed(entry.id, snapshot, cache)


def cached_snapshot(name: str, cache: Path | None = None) -> Path | None:
    """The folder of a model by its id on the Hub, where the Hub cache holds it. Asks no network."""
    snapshot = _snapshot(name, held_commit(name) or MAIN)
    return _placed(name.replace("/", "--"), snapshot, cache) if snapshot else None


def is_cached(entry: ModelEntry) -> bool:
    """Whether the Hub cache holds the model's files already. Asks no network."""
    name = _hub_id(entry)
    return _snapshot(name, held_commit(name, entry.revision) or entry.revision or MAIN) is not None


def _snapshot(name: str, revision: str) -> Path | None:
    """The Hub cache's folder of a model, where all of it is there. Asks no network."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = Path(
            huggingface_hub.snapshot_download(
                name, revision=revision, allow_patterns=list(WANTED), local_files_only=True
            )
        )
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    return found if _is_whole(found) else None


def _is_whole(snapshot: Path) -> bool:
    """Its configuration and weights are there, every shard that the index names included."""
    try:
        index = json.loads((snapshot / "model.safetensors.index.json").read_bytes())
        shards = set(map(str, index["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        shards = set()
    there = {path.name for path in snapshot.glob("*.safetensors") if path.is_file()}
    return (snapshot / "config.json").is_file() and bool(there) and shards <= there


def _placed(label: str, snapshot: Path, cache: Path | None) -> Path:
    root = cache if cache is not None else cache_root()
    folder = root / "models" / f"{label}-{snapshot.name[:12]}"
    if not folder.is_dir():
        _materialise(snapshot, folder)
    return folder


def check_access(entry: ModelEntry, seconds: float = _CHECK_SECONDS) -> None:
    """Ask the Hub whether the model may be downloaded, for so long at most, and hold its commit.

    Raises HubError saying why not.
    """
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    name = _hub_id(entry)
    if entry.gated and huggingface_hub.get_token() is None:
        raise no_token(name, "model")
    address = f"{huggingface_hub.constants.ENDPOINT}/api/models/{name}/auth-check"
    with as_hub_error(name):
        # Not `auth_check`: that one waits for ever on a network that drops packets.
        answer = get_session().get(address, headers=build_hf_headers(), timeout=seconds)
        hf_raise_for_status(answer)


def _hub_id(entry: ModelEntry) -> str:
    if entry.hub_id is None:
        raise HubError("has no hub_id", field=entry.id)
    return entry.hub_id


def _materialise(snapshot: Path, folder: Path) -> None:
    """Link or copy the snapshot's files to `folder`, which appears only when complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for source in snapshot.iterdir():
            if source.is_file():
                _link_or_copy(source.resolve(), temporary / source.name)
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError:
            # Another process was first; its folder is as good.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)

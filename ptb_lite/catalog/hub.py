"""Models of the Hugging Face Hub: from the shared Hub cache to a plain folder, and their access.

The Hub client is imported inside the functions, so that the embedded models need none of it.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptb_lite.catalog.entries import ModelEntry

TOKEN_VARIABLE = "HF_TOKEN"
_CHECK_SECONDS = 10.0
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
# Weights as safetensors, configuration and tokenizer: no code, no pickles.
_WANTED = (
    "*.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
)


class HubModelError(CatalogError):
    """A Hub model that cannot be had: no network, no access, or no usable files."""


def hub_model(
    entry: ModelEntry,
    cache: Path | None = None,
    *,
    on_progress: Callable[[str], None] | None = None,
) -> Path:
    """The folder of a Hub model, with plain files: links into the Hub cache would leave a sandbox.

    They are hard links into the Hub cache where the file system allows, else copies. Raises
    HubModelError.
    """
    import huggingface_hub

    say = on_progress or (lambda _message: None)
    if not is_cached(entry):
        say(f"{entry.id}: downloading about {2 * entry.parameters / 1e9:.1f} GB from the Hub")
    with _as_hub_model_error(entry):
        snapshot = Path(
            huggingface_hub.snapshot_download(_hub_id(entry), allow_patterns=list(_WANTED))
        )
    if not (snapshot / "config.json").is_file() or not any(snapshot.glob("*.safetensors")):
        raise HubModelError(
            "the Hub's copy has no config.json or no safetensors weights", field=entry.id
        )
    root = cache if cache is not None else cache_root()
    folder = root / "models" / f"{entry.id}-{snapshot.name[:12]}"
    if not folder.is_dir():
        _materialise(snapshot, folder)
    return folder


def cached_snapshot(name: str, cache: Path | None = None) -> Path | None:
    """The folder of a model by its id on the Hub, where the Hub cache holds it. Asks no network."""
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = huggingface_hub.snapshot_download(
            name, allow_patterns=list(_WANTED), local_files_only=True
        )
    except (LocalEntryNotFoundError, HFValidationError, OSError):
        return None
    snapshot = Path(found)
    if not (snapshot / "config.json").is_file() or not any(snapshot.glob("*.safetensors")):
        return None
    root = cache if cache is not None else cache_root()
    folder = root / "models" / f"{name.replace('/', '--')}-{snapshot.name[:12]}"
    if not folder.is_dir():
        _materialise(snapshot, folder)
    return folder


def is_cached(entry: ModelEntry) -> bool:
    """Whether the Hub cache holds the model's files already. Asks no network."""
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = huggingface_hub.snapshot_download(
            _hub_id(entry), allow_patterns=list(_WANTED), local_files_only=True
        )
    except LocalEntryNotFoundError:
        return False
    return (Path(path) / "config.json").is_file() and any(Path(path).glob("*.safetensors"))


def check_access(entry: ModelEntry, seconds: float = _CHECK_SECONDS) -> None:
    """Ask the Hub whether the model may be downloaded, for so long at most.

    Raises HubModelError saying why not.
    """
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    if entry.gated and huggingface_hub.get_token() is None:
        raise _no_token(entry)
    address = f"{huggingface_hub.constants.ENDPOINT}/api/models/{_hub_id(entry)}/auth-check"
    with _as_hub_model_error(entry):
        # Not `auth_check`: that one waits for ever on a network that drops packets.
        answer = get_session().get(address, headers=build_hf_headers(), timeout=seconds)
        hf_raise_for_status(answer)


@contextmanager
def _as_hub_model_error(entry: ModelEntry) -> Iterator[None]:
    from huggingface_hub.errors import (
        HTTPError,
        RepositoryNotFoundError,
    )

    try:
        yield
    except RepositoryNotFoundError as error:
        # The Hub answers "not found" as well where a token lacks access.
        raise _no_token(entry) from error
    except (HTTPError, OSError) as error:
        if getattr(getattr(error, "response", None), "status_code", None) in (401, 403):
            raise _no_token(entry) from error
        if isinstance(error, OSError) and error.errno in _DISK:
            raise HubModelError(
                f"{entry.hub_id} cannot be stored ({error.strerror})",
                field="model",
                hint="Free some room, or set HF_HOME to another folder",
            ) from error
        offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
        raise HubModelError(
            f"{entry.hub_id} is not on this machine and the Hub cannot be reached",
            field="model",
            hint="Unset HF_HUB_OFFLINE"
            if offline
            else "Connect to the network (HF_ENDPOINT names a mirror), or take "
            "--model gemma-3-270m-embedded, which needs none",
        ) from error


def _no_token(entry: ModelEntry) -> HubModelError:
    return HubModelError(
        f"{entry.hub_id} needs a Hugging Face account that has access to it",
        field="model",
        hint=f"Accept its licence at https://huggingface.co/{entry.hub_id} and set {TOKEN_VARIABLE}"
        " to a token of that account",
    )


def _hub_id(entry: ModelEntry) -> str:
    if entry.hub_id is None:
        raise HubModelError("has no hub_id", field=entry.id)
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

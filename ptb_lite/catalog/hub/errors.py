"""Why the Hugging Face Hub gave nothing, in one sentence with the way out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ptb_lite.errors import CatalogError

TOKEN_VARIABLE = "HF_TOKEN"
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
_REFUSED = (401, 403)
_BUSY = 429


class HubError(CatalogError):
    """Something of the Hub that cannot be had: no network, no access, or no usable files."""


class HubAccessError(HubError):
    """A repository that needs an account with access to it."""


@dataclass(frozen=True)
class Reason:
    """What is wrong, after the name of what was wanted, and the way out."""

    message: str
    hint: str


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error of the Hub's libraries stems from; None: no answer came."""
    chain: BaseException | None = error
    for _ in range(20):
        if chain is None:
            return None
        status = getattr(getattr(chain, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        chain = chain.__cause__ or chain.__context__
    return None


def reason_of_status(status: int) -> Reason | None:
    """What an answer other than "yes" and "you may not" means; None for those."""
    if status == _BUSY:
        return Reason(
            "is not on this machine and the Hub asks to wait (HTTP 429, too many requests)",
            f"Wait some minutes; with {TOKEN_VARIABLE} set more requests are allowed",
        )
    if status >= 500:
        return Reason(
            f"is not on this machine and the Hub has a fault of its own (HTTP {status})",
            "Try again later: what has been downloaded is kept",
        )
    return None


def no_network(instead: str) -> Reason:
    """The Hub did not answer at all."""
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        hint = "Unset HF_HUB_OFFLINE"
    else:
        hint = f"Connect to the network (HF_ENDPOINT names a mirror), or {instead}"
    return Reason("is not on this machine and the Hub cannot be reached", hint)


def no_token(repo: str, kind: str) -> HubAccessError:
    """The sentence for a repository that needs an account with access to it."""
    page = f"datasets/{repo}" if kind == "dataset" else repo
    return HubAccessError(
        f"{repo} needs a Hugging Face account that has access to it",
        field=kind,
        hint=f"Accept its licence at https://huggingface.co/{page} and set {TOKEN_VARIABLE}"
        " to a token of that account",
    )


@contextmanager
def as_hub_error(repo: str, kind: str = "model") -> Iterator[None]:
    """Turns what the Hub's libraries raise about `repo` into a HubError."""
    from huggingface_hub.errors import HTTPError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        yield
    except RepositoryNotFoundError as error:
        # The Hub answers "not found" as well where a token lacks access.
        raise no_token(repo, kind) from error
    except RevisionNotFoundError as error:
        raise HubError(
            f"{repo} has no such revision on the Hub",
            field=kind,
            hint="Put `revision:` right, or remove its line from hub-revisions.json",
        ) from error
    except (HTTPError, OSError) as error:
        raise _error(repo, kind, error) from error


def _error(repo: str, kind: str, error: Exception) -> HubError:
    status = status_of(error)
    if status in _REFUSED:
        return no_token(repo, kind)
    if status is None and isinstance(error, OSError) and error.errno in _DISK:
        return HubError(
            f"{repo} cannot be stored ({error.strerror})",
            field=kind,
            hint="Free some room, or set HF_HOME to another folder",
        )
    reason = reason_of_status(status) if status is not None else None
    if reason is None and status is not None:
        reason = Reason(
            f"is not on this machine and cannot be fetched (the Hub answered HTTP {status})",
            "Check its name and its `revision:`",
        )
    if reason is None:
        embedded = "take --model gemma-3-270m-embedded, which needs none"
        data = "give the files with --data-dir"
        reason = no_network(data if kind == "dataset" else embedded)
    return HubError(f"{repo} {reason.message}", field=kind, hint=reason.hint)

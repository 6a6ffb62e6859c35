"""Where the gate gets from what it serves: the Hub or, for the run's own repositories, the cache.

A person's token is used for the repositories of the run alone, and so is what lies in their cache:
an agent that asks for another repository gets what anybody gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ptb_lite.errors import PtbLiteError
from ptb_lite.runner.hub_gate.requests import HubRequest, RepoKind

MAX_ANSWER_BYTES = 64 * 2**20
_SECONDS = 60.0
_T = TypeVar("_T")


class UpstreamError(PtbLiteError):
    """The Hub has no answer; `status` is the HTTP status and `code` the Hub's own word for it."""

    def __init__(self, message: str, *, status: int, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class FileFacts:
    """What the Hub says of a file before it is fetched."""

    commit: str
    etag: str
    size: int
    """Bytes."""


class Upstream(Protocol):
    """What the gate asks of the Hub. Every method raises UpstreamError."""

    def facts(self, request: HubRequest) -> FileFacts: ...

    def fetch(self, request: HubRequest) -> Path:
        """The whole file, in the gate's own cache."""

    def answer(self, method: str, target: str, body: bytes) -> bytes:
        """The JSON of an information or listing route."""


class HubUpstream:
    """The Hub at `endpoint` (None: where the person's settings say).

    `own` are the run's repositories, as kind and id; `cache` is where files are put.
    """

    def __init__(
        self, cache: Path, own: Iterable[tuple[RepoKind, str]], endpoint: str | None = None
    ) -> None:
        from huggingface_hub import constants

        self._cache = cache
        self._own = {(kind, repo.lower()) for kind, repo in own}
        self._endpoint = endpoint or constants.ENDPOINT

    def facts(self, request: HubRequest) -> FileFacts:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(
            request.repo,
            request.path,
            repo_type=request.kind,
            revision=request.revision,
            endpoint=self._endpoint,
        )
        try:
            found = _asked(lambda: get_hf_file_metadata(url, token=self._token(request)))
        except UpstreamError as error:
            return self._cached(request, error, _facts_of)
        if found.commit_hash is None or found.etag is None or found.size is None:
            raise UpstreamError("the Hub says nothing of this file", status=502)
        return FileFacts(found.commit_hash, found.etag, found.size)

    def fetch(self, request: HubRequest) -> Path:
        from huggingface_hub import hf_hub_download

        try:
            found = _asked(
                lambda: hf_hub_download(
                    request.repo,
                    request.path,
                    repo_type=request.kind,
                    revision=request.revision,
                    cache_dir=self._cache,
                    endpoint=self._endpoint,
                    token=self._token(request),
                )
            )
        except UpstreamError as error:
            return self._cached(request, error, lambda path: path)
        return Path(found)

    def answer(self, method: str, target: str, body: bytes) -> bytes:
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        def ask() -> bytes:
            response = get_session().request(
                method,
                f"{self._endpoint}{target}",
                headers={
                    **build_hf_headers(token=False),
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                content=body,
                timeout=_SECONDS,
                follow_redirects=True,
            )
            hf_raise_for_status(response)
            return bytes(response.content)

        answer: bytes = _asked(ask)
        if len(answer) > MAX_ANSWER_BYTES:
            raise UpstreamError("the Hub's answer is too large", status=502)
        return answer

    def _token(self, request: HubRequest) -> bool | None:
        """None: the person's, where there is one; False: none."""
        return None if self._is_own(request) else False

    def _is_own(self, request: HubRequest) -> bool:
        return (request.kind, request.repo.lower()) in self._own

    def _cached(self, request: HubRequest, error: UpstreamError, read: Callable[[Path], _T]) -> _T:
        """The same from the person's cache, when the Hub cannot be reached."""
        from huggingface_hub import try_to_load_from_cache

        if error.status == 502 and self._is_own(request):
            found = try_to_load_from_cache(
                request.repo, request.path, repo_type=request.kind, revision=request.revision
            )
            if isinstance(found, str):
                return read(Path(found))
        raise error


def _facts_of(path: Path) -> FileFacts:
    """A file of the cache lies in snapshots/COMMIT/ and points to blobs/ETAG."""
    commit = path.parts[path.parts.index("snapshots") + 1]
    return FileFacts(commit, path.resolve().name, path.stat().st_size)


def _asked(ask: Callable[[], Any]) -> Any:
    """What `ask` returns; everything that the Hub's client raises as an UpstreamError."""
    from huggingface_hub import errors

    try:
        return ask()
    except errors.HfHubHTTPError as error:
        response = error.response
        status = response.status_code if response is not None else 502
        code = response.headers.get("X-Error-Code", "") if response is not None else ""
        raise UpstreamError(f"the Hub answers {status}", status=status, code=code) from error
    except (OSError, ValueError, errors.LocalEntryNotFoundError) as error:
        name = type(error).__name__
        raise UpstreamError(f"the Hub cannot be reached ({name})", status=502) from error
    except Exception as error:
        # The client's HTTP library has errors of its own, below no common class.
        name = type(error).__name__
        raise UpstreamError(f"the Hub cannot be asked ({name})", status=502) from error

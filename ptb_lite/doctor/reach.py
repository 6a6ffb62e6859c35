"""What a run needs from the network, asked at once and for a bounded time, before it starts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2

from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, ModelEntry
from ptb_lite.catalog.hub.errors import reason_of_status
from ptb_lite.catalog.hub.models import check_access, is_cached
from ptb_lite.catalog.hub.revisions import resolve_commit
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError, SpecError
from ptb_lite.evaluation.items.rows import kept_file, no_access, unreachable
from ptb_lite.spec.run_spec import RunSpec

SECONDS = 4.0
_REFUSED = (401, 403)

Probe = Callable[[], None]


def probes(spec: RunSpec, catalog: Catalog) -> Iterator[tuple[str, Probe]]:
    """Every question to a network that the run would ask later, with the field that it is about."""
    model = catalog.model(spec.model)
    if model.source == "hub":
        yield "model", lambda: _ask_model(model)
    for name in spec.measured:
        entry = catalog.benchmark(name)
        if entry.data is not None and spec.data_dir is None:
            yield f"benchmark {name}", lambda entry=entry: _ask_data(entry)  # type: ignore[misc]
    judge = spec.judge
    if judge is not None and any(catalog.benchmark(n).judge is not None for n in spec.measured):
        yield "judge", lambda: ask_endpoint("judge", judge.endpoint, judge.key_variable)
    audit = spec.audit_judge
    if audit is not None and audit.endpoint is not None:
        address = audit.endpoint
        yield "audit_judge", lambda: ask_endpoint("audit_judge", address, audit.key_variable)


def ask_all(asked: Sequence[tuple[str, Probe]], seconds: float = SECONDS) -> list[PtbLiteError]:
    """What the probes found, in their order; one that is silent for `seconds` is a finding, too.

    Each has a thread that nobody waits for: a name server that drops packets knows no time-out.
    """
    found: dict[int, PtbLiteError | None] = {}

    def run(at: int, probe: Probe) -> None:
        try:
            probe()
        except PtbLiteError as error:
            found[at] = error
        else:
            found[at] = None

    threads = [
        threading.Thread(target=run, args=(at, probe), daemon=True)
        for at, (_, probe) in enumerate(asked)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    silent = "Connect to the network, or choose what needs none"
    return [
        error
        for at, (field, _) in enumerate(asked)
        for error in (
            found.get(at, SpecError(f"no answer in {seconds:g} s", field=field, hint=silent)),
        )
        if error is not None
    ]


def ask_endpoint(field: str, base_url: str, key_variable: str) -> None:
    """The list of models is asked for: it costs nothing, and a wrong key is refused there, too."""
    key = os.environ.get(key_variable, "")
    sound = key and key.isascii() and key.isprintable()
    headers = {"Authorization": f"Bearer {key}"} if sound else {}
    try:
        answer = httpx2.get(
            f"{base_url.rstrip('/')}/models", headers=headers, timeout=SECONDS, trust_env=False
        )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise SpecError(
            f"{base_url} does not answer ({type(error).__name__})",
            field=field,
            hint="Start its server, or name another as MODEL@URL",
        ) from error
    if answer.status_code in _REFUSED:
        raise SpecError(
            f"{base_url} refuses the key (HTTP {answer.status_code})",
            field=field,
            hint=f"Set {key_variable} to a key that it knows",
        )


def _ask_model(entry: ModelEntry) -> None:
    if not is_cached(entry):
        try:
            check_access(entry, SECONDS)
            # Named now, so that the run's spec has it.
            resolve_commit(entry.hub_id or "", entry.revision, seconds=SECONDS)
        except PtbLiteError as error:
            raise SpecError(error.message, field="model", hint=error.hint) from error


def missing_data(entry: BenchmarkEntry) -> tuple[DataPart, ...]:
    """The parts of its data set whose rows are not kept here, and which no cache holds."""
    if entry.data is None:
        return ()
    parts = [part for part in (entry.data.test, entry.data.train) if part is not None]
    return tuple(p for p in parts if not kept_file(p).is_file() and not _is_cached(p))


def _ask_data(entry: BenchmarkEntry) -> None:
    """Ask the Hub for each data set that is not here."""
    for part in {part.hub_id: part for part in missing_data(entry)}.values():
        _ask_data_set(entry, part)


def _ask_data_set(entry: BenchmarkEntry, part: DataPart) -> None:
    import huggingface_hub
    from huggingface_hub.errors import HTTPError
    from huggingface_hub.utils import build_hf_headers, get_session

    assert entry.data is not None
    token = os.environ.get(entry.data.token_variable) or None
    address = f"{huggingface_hub.constants.ENDPOINT}/api/datasets/{part.hub_id}/auth-check"
    try:
        answer = get_session().get(address, headers=build_hf_headers(token=token), timeout=SECONDS)
    except (HTTPError, OSError) as error:
        raise unreachable(entry, part, type(error).__name__) from error
    if answer.status_code in _REFUSED:
        raise no_access(entry)
    reason = reason_of_status(answer.status_code)
    if reason is not None:
        raise SpecError(
            f"its dataset {part.hub_id} {reason.message}",
            field=f"benchmark {entry.id}",
            hint=reason.hint,
        )
    with suppress(PtbLiteError):
        resolve_commit(part.hub_id, part.revision, kind="dataset", seconds=SECONDS, token=token)


def _is_cached(part: DataPart) -> bool:
    """Whether the Hub's client or `datasets` hold something of it: they need not ask then."""
    import huggingface_hub

    if Path(part.hub_id).is_dir():
        return True
    hub = Path(huggingface_hub.constants.HF_HUB_CACHE)
    prepared = os.environ.get("HF_DATASETS_CACHE")
    home = Path(prepared) if prepared else Path(huggingface_hub.constants.HF_HOME) / "datasets"
    name = part.hub_id.lower().replace("/", "___")
    snapshots = hub / f"datasets--{part.hub_id.replace('/', '--')}" / "snapshots"
    return snapshots.is_dir() or (home / name).is_dir()

"""The rows of a published dataset: from a person's folder, or from the Hugging Face Hub.

The Hub is asked in a process of its own (`dataset_fetch.py`), since its libraries are heavy; what
it fetched is kept as JSON lines.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.entries import BenchmarkEntry, DataPart
from ptb_lite.catalog.hub.errors import HubAccessError, reason_of_status
from ptb_lite.catalog.hub.revisions import MAIN, held_commit, resolve_commit
from ptb_lite.errors import CatalogError, PtbLiteError
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.item import text_lines
from ptb_lite.files import file_sha256
from ptb_lite.installation import own_program

MAX_FILE_BYTES = 1 << 30
MAX_ROWS = 1_000_000
FETCH_SECONDS = 1800.0
STATUS_BASE = 400
"""An exit code of the fetching process and this are the HTTP status that ended it."""
# A row of the answers file belongs to the row of the questions that has the same one of these.
_KEYS = ("id", "uid", "task_id", "prompt_id")


@dataclass(frozen=True)
class Rows:
    """The tables of one benchmark, and the SHA-256 of the files they came from."""

    test: tuple[Mapping[str, Any], ...]
    train: tuple[Mapping[str, Any], ...]
    sha256: tuple[str, ...]


class DataMissingError(ItemsError):
    """A benchmark's data is not here and cannot be had as things are."""


def load_rows(entry: BenchmarkEntry, data_dir: Path | None) -> Rows:
    """The rows of `entry`: of the files under `data_dir` where it is given, else of the Hub.

    Raises DataMissingError naming the dataset, the page to accept and the variable that holds the
    token, and ItemsError for a file that is not JSON lines.
    """
    source = entry.data
    assert source is not None
    test = part_file(entry, source.test, data_dir)
    train = part_file(entry, source.train, data_dir) if source.train else None
    answers = data_dir / source.answers if data_dir and source.answers else None
    if answers is not None and not answers.is_file():
        raise _no_file(entry, answers)
    used = [path for path in (test, train, answers) if path is not None]
    rows = read_rows(test)
    return Rows(
        test=_with_answers(rows, read_rows(answers)) if answers else rows,
        train=read_rows(train) if train else (),
        sha256=tuple(file_sha256(path) for path in used),
    )


def part_file(entry: BenchmarkEntry, part: DataPart, data_dir: Path | None) -> Path:
    """The file of JSON lines that holds one table; fetched from the Hub when it is not kept yet."""
    if data_dir is not None:
        path = data_dir / part.local
        if not path.is_file():
            raise _no_file(entry, path)
        return path
    kept = kept_file(part)
    if not kept.is_file():
        check_token(entry)
        _fetch(entry, part, kept)
    return kept


def kept_file(part: DataPart) -> Path:
    """Where a table of the Hub is kept."""
    exact = _kept(part)
    unpinned = _kept(part.model_copy(update={"revision": MAIN}))
    if exact.is_file() or exact == unpinned or not unpinned.is_file():
        return exact
    # Fetched when no run had named the commit yet that it is of.
    same = held_commit(part.hub_id, kind="dataset") == part.revision
    return unpinned if same else exact


def _kept(part: DataPart) -> Path:
    digest = hashlib.sha256(part.model_dump_json().encode()).hexdigest()[:12]
    name = part.hub_id.replace("/", "--")
    return cache_root() / "datasets" / f"{name}-{digest}.jsonl"


def check_data(entry: BenchmarkEntry, data_dir: Path | None) -> None:
    """What can be said without the network: the files are there, or a gated one has its token.

    Raises DataMissingError.
    """
    if entry.data is None:
        return
    parts = [part for part in (entry.data.test, entry.data.train) if part is not None]
    if data_dir is not None:
        named = [part.local for part in parts] + [entry.data.answers or ""]
        for path in (data_dir / name for name in named if name):
            if not path.is_file():
                raise _no_file(entry, path)
    elif not all(kept_file(part).is_file() for part in parts):
        check_token(entry)


def check_token(entry: BenchmarkEntry) -> None:
    """Raises DataMissingError when a gated dataset is wanted and there is no token at all."""
    assert entry.data is not None
    if entry.data.gated and not os.environ.get(entry.data.token_variable):
        import huggingface_hub

        if huggingface_hub.get_token() is None:
            raise no_access(entry)


def no_access(entry: BenchmarkEntry) -> DataMissingError:
    """The sentence for a dataset that needs an account which accepted its terms."""
    assert entry.data is not None
    hub_id = entry.data.test.hub_id
    return DataMissingError(
        f"its dataset {hub_id} needs a Hugging Face account that has accepted its terms",
        field=f"benchmark {entry.id}",
        hint=f"Accept them at https://huggingface.co/datasets/{hub_id} and set "
        f"{entry.data.token_variable} to a token of that account",
    )


def read_rows(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The objects of a JSON-lines file. Raises ItemsError naming the line that is none."""
    lines = text_lines(path, MAX_FILE_BYTES)
    if len(lines) > MAX_ROWS:
        raise ItemsError(f"has more than {MAX_ROWS} lines", field=str(path))
    return tuple(_row(path, number, line) for number, line in enumerate(lines, 1) if line.strip())


def _row(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ItemsError(f"line {number} is not JSON", field=str(path)) from error
    if not isinstance(row, dict):
        raise ItemsError(f"line {number} is not a JSON object", field=str(path))
    return row


def _with_answers(
    rows: tuple[Mapping[str, Any], ...], answers: tuple[Mapping[str, Any], ...]
) -> tuple[Mapping[str, Any], ...]:
    """Each row with its line of the answers file under `answer_row`; None where there is none."""
    by_key = {row[key]: row for row in answers for key in _KEYS if isinstance(row.get(key), str)}
    return tuple(
        {**row, "answer_row": next((by_key[row[k]] for k in _KEYS if row.get(k) in by_key), None)}
        for row in rows
    )


def _fetch(entry: BenchmarkEntry, part: DataPart, target: Path) -> None:
    environment = dict(os.environ)
    token = os.environ.get(entry.data.token_variable) if entry.data else None
    pinned = part.model_copy(update={"revision": _commit(entry, part, token)})
    request = json.dumps({"part": pinned.model_dump(), "target": os.fspath(target)})
    if token:
        environment["HF_TOKEN"] = token
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            own_program("ptb_lite.evaluation.items.fetch"),
            input=request.encode(),
            capture_output=True,
            env=environment,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise unreachable(entry, part, f"nothing came for {FETCH_SECONDS:.0f} s") from error
    except OSError as error:
        raise ItemsError(f"cannot be written: {error.strerror}", field=str(target)) from error
    match done.returncode:
        case 0 if target.is_file():
            return
        case 3:
            raise no_access(entry)
        case code if (reason := reason_of_status(code + STATUS_BASE)) is not None:
            raise DataMissingError(
                f"its dataset {part.hub_id} {reason.message}",
                field=f"benchmark {entry.id}",
                hint=reason.hint,
            )
        case _:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise unreachable(entry, part, said[-1][:300] if said else "no reason was given")


def _commit(entry: BenchmarkEntry, part: DataPart, token: str | None) -> str:
    """The commit to fetch, which is then held; a repository that is a folder here has none."""
    if Path(part.hub_id).is_dir():
        return part.revision
    try:
        return resolve_commit(part.hub_id, part.revision, kind="dataset", token=token)
    except CatalogError as error:
        gated = entry.data is not None and entry.data.gated
        if isinstance(error, HubAccessError) and gated:
            raise no_access(entry) from error
        raise DataMissingError(
            f"its dataset {error.message}",
            field=f"benchmark {entry.id}",
            hint=f"{error.hint}; or give a folder that holds {part.local} with --data-dir",
        ) from error


def unreachable(entry: BenchmarkEntry, part: DataPart, reason: str) -> DataMissingError:
    """The sentence for a dataset that is neither here nor to be had, and why."""
    printable = "".join(c for c in reason if c.isprintable())
    return DataMissingError(
        f"its dataset {part.hub_id} is not on this machine and cannot be fetched ({printable})",
        field=f"benchmark {entry.id}",
        hint="Connect to the network (HF_ENDPOINT names a mirror), or give a folder that holds "
        f"{part.local} with --data-dir",
    )


def _no_file(entry: BenchmarkEntry, path: Path) -> PtbLiteError:
    assert entry.data is not None
    return DataMissingError(
        f"{path} is not there",
        field=f"benchmark {entry.id}",
        hint=f"It holds rows of {entry.data.test.hub_id} as JSON lines; without --data-dir they "
        "come from the Hugging Face Hub",
    )

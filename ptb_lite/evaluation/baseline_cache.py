"""Baselines that were measured before: the same weights, items and settings give the same score."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.lm_tasks.task import result_stem
from ptb_lite.evaluation.results import EvaluationResult, read_samples
from ptb_lite.events import Record
from ptb_lite.files import file_sha256, write_text

_ENTRY, _SAMPLES = "entry.json", "samples.jsonl"


class CachedBaseline(Record):
    """The content of entry.json: a result, when it was measured, its samples' digest."""

    version: Literal[1] = 1
    key: str
    time: datetime
    result: EvaluationResult
    samples_sha256: str


class BaselineCache:
    """A folder of results by `identity.task_key`.

    An entry is a folder that appears whole, by one rename, and is never written again: two runs at
    once both measure, and the first one's stays. A damaged entry counts as none and is replaced.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, key: str) -> CachedBaseline | None:
        """The entry when it is there, whole and of that key."""
        folder = self._root / key
        try:
            entry = CachedBaseline.model_validate_json((folder / _ENTRY).read_bytes())
            sound = entry.key == key and file_sha256(folder / _SAMPLES) == entry.samples_sha256
            count = len(read_samples(folder / _SAMPLES)) if sound else -1
        except (OSError, ValidationError, EvaluationError):
            return None
        return entry if count == entry.result.n else None

    def copy(self, entry: CachedBaseline, folder: Path, *, label: str) -> EvaluationResult:
        """Put a cached result and its samples into `folder` under `label`. Raises OSError."""
        stem = result_stem(label, entry.result.benchmark)
        result = entry.result.model_copy(
            update={"label": label, "samples": f"{stem}.samples.jsonl", "measured": entry.time}
        )
        folder.mkdir(parents=True, exist_ok=True)
        samples = (self._root / entry.key / _SAMPLES).read_text(encoding="utf-8")
        write_text(folder / result.samples, samples)
        write_text(folder / f"{stem}.json", result.model_dump_json(indent=2))
        return result

    def keep(self, result: EvaluationResult, folder: Path) -> None:
        """Add a fresh result that lies in `folder`. Raises OSError."""
        if not result.key:
            raise ValueError("a result without a key cannot be found again")
        self._root.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self._root))
        try:
            shutil.copyfile(folder / result.samples, draft / _SAMPLES)
            entry = CachedBaseline(
                key=result.key,
                time=datetime.now(UTC),
                result=result,
                samples_sha256=file_sha256(draft / _SAMPLES),
            )
            write_text(draft / _ENTRY, entry.model_dump_json(indent=2))
            self._put(draft, result.key)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _put(self, draft: Path, key: str) -> None:
        for _ in range(3):
            try:
                # Onto a folder that is not empty this fails: what is there first stays.
                draft.rename(self._root / key)
            except OSError:
                if self.find(key) is not None:
                    return
                aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=self._root))
                try:
                    (self._root / key).rename(aside / "entry")
                except FileNotFoundError:
                    pass  # another run was faster
                finally:
                    shutil.rmtree(aside, ignore_errors=True)
            else:
                return

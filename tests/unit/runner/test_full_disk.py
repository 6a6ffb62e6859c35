"""A run on a full disk says so, wherever in it the disk filled up."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.errors import PtbLiteError, SpecError
from ptb_lite.events import Outcome, Phase, Record, RunFinished
from ptb_lite.files import read_record, write_record
from ptb_lite.runner import execute as runner
from ptb_lite.runner import launch, spare_room
from ptb_lite.runner.context import PhaseResult, RunContext
from ptb_lite.runs import journal as journals
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter, read_journal
from ptb_lite.runs.records import Status
from ptb_lite.spec.run_spec import RunSpec, resolve_spec


def full(path: Path | None = None) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


class Disk:
    """Refuses every record and every line of a journal, but for the room that was held."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self.filled = folder, False
        write_line = journals.JournalWriter.write

        def line(writer: JournalWriter, payload: Record) -> object:
            self._take()
            return write_line(writer, payload)

        def record(path: Path, content: Record) -> None:
            self._take()
            write_record(path, content)

        monkeypatch.setattr(journals.JournalWriter, "write", line)
        monkeypatch.setattr(runner, "write_record", record)
        monkeypatch.setattr(launch, "write_record", record)

    def _take(self) -> None:
        if self.filled and not self._holds_words():
            raise full(self._folder)

    def _holds_words(self) -> bool:
        return self._folder.exists() and not (self._folder / spare_room.FILE).exists()


def spec() -> RunSpec:
    choices = {
        "model": "qwen3-0.6b-base",
        "agent": "prompt-only",
        "benchmarks": ("add-numbers",),
        "minutes": 1.0,
    }
    return resolve_spec(preset=None, overrides=choices, catalog=load_catalog())


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("within", [True, False])
def test_a_disk_that_fills_in_a_phase_is_named_as_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: Phase, *, within: bool
) -> None:
    """`within`: the phase itself meets it; else what is noted after the phase does."""
    run = RunFolder(tmp_path / "20260101-000000-abcd")
    run.path.mkdir()
    write_record(
        run.status, Status.model_validate({"run_id": run.run_id, "started": "2026-01-01T00:00:00Z"})
    )
    context = RunContext(run, spec(), load_catalog(), JournalWriter(run.journal))
    disk = Disk(run.path, monkeypatch)

    def fill(_context: RunContext) -> PhaseResult:
        disk.filled = True
        if within:
            raise full(run.path)
        return PhaseResult()

    before = {one: lambda _context: PhaseResult() for one in Phase}
    monkeypatch.setattr(runner, "PHASES", {**before, phase: fill})
    assert runner.execute(context) is Outcome.FAILED
    context.journal.close()
    status = read_record(run.status, Status)
    assert (status.state, status.outcome, status.pid) == ("ended", Outcome.FAILED, None)
    assert status.detail.startswith(f"{phase.value}: ")
    assert "No space left on device" in status.detail
    last = read_journal(run.journal).events[-1].payload
    assert isinstance(last, RunFinished)
    assert last.outcome is Outcome.FAILED
    assert not (run.path / spare_room.FILE).exists()


def test_no_half_made_run_is_left_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, _content: Record) -> None:
        raise full(path)

    monkeypatch.setattr(launch, "write_record", refused)
    with pytest.raises(SpecError, match="cannot be written"):
        launch.make_run(spec(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_resuming_on_a_full_disk_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder without a spec: its runner ends at once."""
    run = RunFolder(tmp_path / "20260101-000000-abcd")
    run.path.mkdir()
    write_record(
        run.status, Status.model_validate({"run_id": run.run_id, "started": "2026-01-01T00:00:00Z"})
    )
    monkeypatch.setattr(launch, "has_no_room", lambda _folder: True)
    with pytest.raises(PtbLiteError, match=r"is full: free some room, then `ptb-lite resume"):
        launch.begin(run)

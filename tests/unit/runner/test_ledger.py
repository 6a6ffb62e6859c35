"""The ledger of a working agent: what is read of a file that it can write, and of its commands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite import ledger_file
from ptb_lite.events import AgentEvent, AgentEventKind, Record
from ptb_lite.ledger_file import MAX_LINE, append, parse
from ptb_lite.ledger_notes import (
    CommandSeen,
    LedgerChanged,
    ModelScored,
    ScoringBegan,
    TrainingBegan,
)
from ptb_lite.runner.agent.ledger import MAX_NOTES, LedgerWatch

BEGAN = TrainingBegan(use="ab" * 6, file="data.jsonl", rows=10, sha256="0" * 64, steps=3)
SCORED = ModelScored(use="cd" * 6, model="out", benchmark="b", split="dev", n=4, score=0.5)


class Host:
    """What the runner would journal and warn of."""

    def __init__(self, workspace: Path, processes: list[str] | None = None) -> None:
        self.file = workspace / ledger_file.NAME
        self.journal: list[Record] = []
        self.warnings: list[str] = []
        self.processes = processes
        self.watch = LedgerWatch(
            workspace,
            write=self.journal.append,
            warn=self.warnings.append,
            mask=lambda line: line.replace(b"sk-secret", b"[key]"),
        )

    def add(self, *lines: bytes) -> None:
        with self.file.open("ab") as stream:
            stream.writelines(lines)

    def look(self, seconds: float = 1.0) -> None:
        self.watch.look(seconds, lambda: self.processes)

    def run(self, command: str, at: float, tool: str = "bash") -> None:
        call = AgentEvent(kind=AgentEventKind.TOOL_CALL, text=command, tool=tool)
        self.watch.hear(call, at)
        self.watch.hear(AgentEvent(kind=AgentEventKind.TOOL_RESULT), at + 5)


def line(note: Record) -> bytes:
    return note.model_dump_json().encode() + b"\n"


def test_notes_are_appended_and_have_the_hosts_clock_and_what_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(BEGAN)  # no ledger is named: nothing happens
    monkeypatch.setenv(ledger_file.VARIABLE, str(tmp_path / ledger_file.NAME))
    host = Host(tmp_path, ["bash", "python /venv/bin/ptb-lite-train --data data.jsonl"])
    host.look()
    # What the file claims of clock and process is overwritten.
    append(BEGAN.model_copy(update={"seconds": 99.0, "process_seen": True}))
    append(ScoringBegan(use="cd" * 6))
    host.look(7.0)
    append(SCORED)
    host.look(8.0)
    began, scoring, scored = host.journal
    assert began == BEGAN.model_copy(update={"seconds": 7.0, "process_seen": True})
    assert (scoring.process_seen, scored.process_seen) == (False, False)  # type: ignore[attr-defined]
    assert scored.seconds == 8.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "bad",
    [
        b"not json\n",
        b'{"type": "run_finished", "outcome": "finished"}\n',
        b"[" * 5000 + b"\n",
        line(SCORED).replace(b"0.5", b"1.5"),
        line(SCORED).replace(b"0.5", b"NaN"),
        line(SCORED).replace(b'"out"', b'"' + b"x" * 301 + b'"'),
        line(BEGAN).replace(b"ab" * 6, b"../../etc"),
        b"x" * (MAX_LINE + 10) + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_note_is_counted_and_left_out(tmp_path: Path, bad: bytes) -> None:
    host = Host(tmp_path)
    host.add(bad, line(BEGAN))
    host.look()
    host.watch.finish(2.0)
    assert [type(note) for note in host.journal] == [TrainingBegan]
    assert host.warnings == ["1 lines of the agent's ledger are no notes"]


def test_a_ledger_that_never_ends_is_bounded(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.add(line(SCORED) * (MAX_NOTES + 50))
    for _ in range(20):
        host.look()
    assert len(host.journal) == MAX_NOTES
    endless = Host(tmp_path)
    endless.file.write_bytes(b"y" * (3 << 20))
    endless.look()
    assert len(endless.watch._rest) <= MAX_LINE + 1


def test_keys_are_masked_before_anything_is_journalled(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.add(line(BEGAN).replace(b"data.jsonl", b"sk-secret.jsonl"))
    host.look()
    assert host.journal[0].file == "[key].jsonl"  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["shortened", "replaced", "removed", "link", "fifo"])
def test_a_ledger_that_the_agent_changes_is_said_once(tmp_path: Path, how: str) -> None:
    host = Host(tmp_path)
    host.add(line(BEGAN), line(SCORED))
    host.look()
    if how != "shortened":
        host.file.unlink()
    match how:
        case "shortened":
            host.file.write_bytes(b"")
        case "replaced":
            (tmp_path / "keep").write_bytes(b"")
            host.file.write_bytes(line(SCORED) * 9)
        case "link":
            (tmp_path / "other").write_bytes(line(SCORED))
            host.file.symlink_to(tmp_path / "other")
        case "fifo":
            os.mkfifo(host.file)
    host.look()
    host.look()
    changed = [note for note in host.journal if isinstance(note, LedgerChanged)]
    if how == "fifo":
        assert not [note for note in host.journal[2:] if not isinstance(note, LedgerChanged)]
    else:
        assert len(changed) == 1
    if how == "link":
        assert len(host.journal) == 3


def test_other_means_are_seen_in_the_trace_and_told_once(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.run("cat train.py && ls", 1.0)
    host.run("python -u train_sft.py --lr 1e-4", 10.0)
    host.run("accelerate launch finetune.py", 20.0)
    host.run("lm_eval --model hf --tasks gsm8k", 30.0)
    host.run("python - <<'EOF'\nfrom trl import SFTTrainer\nSFTTrainer(model).train()\nEOF", 40.0)
    host.run("python train.py", 50.0, tool="Write")
    host.run("ptb-lite-train --data data.jsonl", 60.0)
    host.add(line(BEGAN))
    host.look(61.0)
    host.watch.finish(70.0)
    seen = [note for note in host.journal if isinstance(note, CommandSeen)]
    assert [(note.what, note.began, note.ended) for note in seen] == [
        ("training", 10.0, 15.0),
        ("training", 20.0, 25.0),
        ("evaluation", 30.0, 35.0),
        ("training", 40.0, 45.0),
    ]


def test_a_noted_program_without_a_note_is_seen_in_the_trace(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.run("env -u PTB_LITE_LEDGER ptb-lite-train --data data.jsonl", 5.0)
    host.watch.finish(70.0)
    assert [type(note) for note in host.journal] == [CommandSeen]


@given(st.binary(max_size=400))
def test_any_bytes_are_a_note_or_none(data: bytes) -> None:
    assert parse(data) is None

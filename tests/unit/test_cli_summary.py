"""`ls` and `show` on runs in every state, damaged ones included."""

from __future__ import annotations

import fcntl
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ptb_lite.cli import main
from ptb_lite.events import Outcome, Phase
from ptb_lite.files import write_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.index import RunIndex
from ptb_lite.runs.records import (
    Hosts,
    HostSeen,
    HubCacheSeen,
    HubHeldBack,
    HubRepository,
    PhaseEnd,
    Status,
)
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.tui.models.history.rows import COLUMNS, filter_rows

SECRET = "5ec2e7" * 10
IDS = ["20260101-000000-000a", "20260102-000000-000b", "20260103-000000-000c"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PTB_LITE_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def make(runs: Path, run_id: str, status: Status | None = None) -> RunFolder:
    run = RunFolder(runs / run_id)
    run.path.mkdir(parents=True)
    spec = RunSpec(benchmarks=("add-numbers",), budget_minutes=3, item_salt=SECRET)
    write_record(run.spec, spec)
    write_record(run.status, status or Status(run_id=run_id, started=datetime.now(UTC)))
    run.journal.touch()
    return run


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_states(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = datetime.now(UTC)
    make(runs, IDS[0])
    ended = Status(run_id=IDS[1], started=started, state="ended", outcome=Outcome.STOPPED)
    make(runs, IDS[1], ended)
    queued = Status(run_id=IDS[1], started=started, launcher="slurm", job="7_0")
    make(runs, f"{IDS[1][:-1]}c", queued)
    alive = make(runs, IDS[2], Status(run_id=IDS[2], started=started, phase=Phase.AGENT, pid=1))
    with alive.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = json.loads(call(capsys, "ls", "--json"))
    assert [entry["state"] for entry in found] == [
        "interrupted",
        "stopped",
        "queued",
        "running: agent",
    ]


def test_a_run_of_ones_own_name(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(runs, IDS[0])
    assert "NAME" not in call(capsys, "ls")
    named = make(runs, IDS[1])
    spec = named.read_spec().model_copy(update={"name": "first\u202e try\x1b[31m"})
    write_record(named.spec, spec)
    listed = call(capsys, "ls")
    assert "NAME" in listed
    assert "first" in listed
    assert "\x1b" not in listed + call(capsys, "show", IDS[1])
    write_record(named.spec, spec.model_copy(update={"name": "second try"}))
    assert IDS[1] in call(capsys, "show", "second try")
    assert json.loads(call(capsys, "ls", "--json"))[1]["name"] == "second try"
    rows = RunIndex(runs).read()
    (name,) = [column for column in COLUMNS if column.id == "name"]
    assert [name.text(row) for row in rows] == ["-", "second try"]
    assert filter_rows(rows, "second") == rows[1:]


@pytest.mark.parametrize("damage", ["", "{", "null", '{"version": 1}', "\x00" * 50])
@pytest.mark.parametrize("name", ["spec.json", "status.json", "scores.json"])
def test_a_damaged_run_is_shown_and_hides_no_other(
    runs: Path, capsys: pytest.CaptureFixture[str], name: str, damage: str
) -> None:
    make(runs, IDS[0])
    (make(runs, IDS[1]).path / name).write_text(damage)
    lines = call(capsys, "ls").splitlines()
    assert [line.split()[0] for line in lines[1:]] == IDS[:2]
    assert IDS[1] in call(capsys, "show", IDS[1])
    assert json.loads(call(capsys, "show", IDS[1], "--json"))["run_id"] == IDS[1]


def test_what_a_run_says_cannot_reach_the_terminal(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    end = PhaseEnd(
        phase=Phase.AGENT,
        outcome=Outcome.FAILED,
        seconds=1,
        detail="\x1b]0;owned\x07\nverdict: clean",
    )
    status = Status(run_id=IDS[0], started=datetime.now(UTC), phases=(end,))
    make(runs, IDS[0], status)
    text = call(capsys, "show", "last")
    assert not set(text) & {"\x1b", "\x07"}
    assert "\nverdict: clean" not in text


def test_the_secret_is_never_shown(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(runs, IDS[0])
    for arguments in (("show", "last"), ("show", "last", "--json"), ("ls", "--json")):
        assert SECRET not in call(capsys, *arguments)


def test_show_names_the_hosts_that_were_asked_for(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(runs, IDS[0])
    seen = [HostSeen(host=f"h{n}\x1b[31m", port=443, allowed=False, count=1) for n in range(10)]
    own = HostSeen(host="api.example.com", port=443, allowed=True, count=9)
    write_record(run.hosts, Hosts(network="model-only", hosts=(own, *seen)))
    shown = call(capsys, "show", IDS[0])
    assert "reached    api.example.com:443" in shown
    assert "and 2 more" in shown
    assert "\x1b" not in shown
    run.hosts.write_text("not a record")
    assert "reached" not in call(capsys, "show", IDS[0])


def test_what_was_shown_of_a_hub_cache(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(runs, IDS[0])
    assert "hub cache" not in call(capsys, "show", IDS[0])
    held = [
        HubHeldBack(kind="dataset", name=f"acme/d{n}\x1b[31m", reason="it is incomplete")
        for n in range(10)
    ]
    found = HubCacheSeen(
        choice="shared",
        shown=(HubRepository(kind="model", name="acme/small"),),
        held_back=tuple(held),
        downloaded=(HubRepository(kind="model", name="acme/new", bytes=5),) * 2,
    )
    write_record(run.hub_cache, found)
    text = call(capsys, "show", IDS[0])
    assert "hub cache  shared: 1 shown, 10 held back" in text
    assert "and 2 more: it is incomplete" in text
    assert "downloaded acme/new\n" in text
    assert "\x1b" not in text
    told = json.loads(call(capsys, "show", IDS[0], "--json"))
    assert told["hub_cache"]["downloaded"][0]["name"] == "acme/new"
    run.hub_cache.write_text("{")
    assert "hub cache" not in call(capsys, "show", IDS[0])


def test_a_run_is_gone_on_with_in_the_background(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, resumed = make(runs, IDS[0]), list[Path]()
    monkeypatch.setattr("ptb_lite.runner.launch.resume", resumed.append)
    assert call(capsys, "resume", IDS[0], "--detach") == f"{IDS[0]}\n"
    found = json.loads(call(capsys, "resume", "last", "--detach", "--json"))
    assert found == {"run_id": IDS[0], "folder": str(run.path)}
    assert resumed == [run.path, run.path]

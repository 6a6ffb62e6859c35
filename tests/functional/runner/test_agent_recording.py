"""The agent phase leaves a record of processes and files, which a person and the audit can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.cli.common.summary import describe
from ptb_lite.provenance import COPIES, RECORD
from ptb_lite.provenance.history import read_history
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import Bench

CODE = """
import subprocess, pathlib
pathlib.Path('rows.txt').write_text('one row')
subprocess.run(['sh', '-c', 'cat rows.txt > d.jsonl; rm rows.txt'], check=True)
subprocess.run(['python', './ptb-lite-train', 'd.jsonl'], check=True)
"""


def with_trainer(code: str) -> str:
    train = "import sys; open('adapter_model.bin', 'w').write(open(sys.argv[1]).read())"
    return f"import pathlib\npathlib.Path('ptb-lite-train').write_text({train!r})\n{code}"


def test_a_run_shows_what_its_training_was_given(bench: Bench) -> None:
    phase = agent_phase(bench, with_trainer(CODE), provenance="auto")
    assert not [said for said in phase.warnings() if "recorded" in said]
    history = read_history(phase.run.provenance)
    assert not history.problems
    assert [act.path for act in history.lost()] == ["rows.txt"]
    shown = "\n".join(describe(phase.run))
    assert "(python ./ptb-lite-train d.jsonl) read d.jsonl, written by process" in shown
    assert "(cat rows.txt), which read rows.txt" in shown


def test_nothing_is_recorded_unless_a_person_wants_it(bench: Bench) -> None:
    phase = agent_phase(bench, with_trainer(CODE))
    assert not phase.run.provenance.exists()
    assert not [said for said in phase.warnings() if "recorded" in said]
    assert "recorded " not in "\n".join(describe(phase.run))


def test_it_is_said_once_that_nothing_could_be_recorded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shim = tmp_path / "shim.py"
    # As on a kernel without user notification: the shim says so, and goes on.
    shim.write_text(
        "import os, socket, sys\n"
        "with socket.socket(fileno=197) as it: it.send(b'OSError: Invalid argument')\n"
        "os.execvp(sys.argv[1], sys.argv[1:])\n"
    )
    for module in ("guide", "bubblewrap"):
        monkeypatch.setattr(f"ptb_lite.sandbox.{module}.SHIM", shim)
    phase = agent_phase(bench, with_trainer(CODE), provenance="auto")
    (said,) = [said for said in phase.warnings() if "recorded" in said]
    assert "Invalid argument" in said
    assert (phase.run.workspace / "d.jsonl").read_text() == "one row"


def test_the_record_is_text_that_nobody_follows(bench: Bench) -> None:
    """What an agent names its files is shown as text, and the record holds no link of its."""
    code = (
        "import subprocess\n"
        "subprocess.run(['sh', '-c', 'echo 1 > \"<b>\\x1b[31m.jsonl\"; cat \"<b>\\x1b[31m.jsonl\""
        " > adapter_model.bin'], check=True)\n"
    )
    phase = agent_phase(bench, code, provenance="auto")
    shown = "\n".join(describe(phase.run))
    assert "\x1b" not in shown
    folder = phase.run.provenance
    assert {each.name for each in folder.iterdir()} == {RECORD, COPIES}
    assert not any(each.is_symlink() for each in folder.rglob("*"))

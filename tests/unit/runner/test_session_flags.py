"""What a program wrote down of its session is told from what an agent made of the test items."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest

from ptb_lite.agents.registry import is_session_file
from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.run import default_detectors, run_audit
from ptb_lite.events import Verdict
from ptb_lite.runner.agent.session_flags import by_rules_of

QUESTIONS = (
    "Which of the seventeen violet lanterns did the keeper of Arrakhand carry to the old well?",
    "How many barrels of salted herring were loaded when the barque Gudrun left Tromso harbour?",
    "After the clockmaker's apprentice had sold nine brass escapements, what did he owe the guild?",
    "Whose orchard lay beyond the causeway where the tinker buried his box of silver thimbles?",
)
ITEMS = tuple(TestItem(id=str(n), question=text) for n, text in enumerate(QUESTIONS))


def named(name: str) -> list[Detector]:
    return [detector for detector in default_detectors() if detector.name == name]


def verdict(folder: Path, *, wrapped: bool) -> Verdict:
    adjust = by_rules_of("codex", "test" if wrapped else "dev")
    case = AuditCase(folder=folder, items=ITEMS)
    return run_audit(case, detectors=named("overlap"), adjust=adjust).verdict


def write(folder: Path, name: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(item.question for item in ITEMS))


def test_items_in_session_files_inform_only_when_they_may_be_seen(tmp_path: Path) -> None:
    write(tmp_path, ".home/.codex/sessions/2026/a.jsonl")
    assert verdict(tmp_path, wrapped=False) is Verdict.FLAGGED
    assert verdict(tmp_path, wrapped=True) is Verdict.CLEAN


@pytest.mark.parametrize("name", ["train.jsonl", ".home/train.jsonl", ".home/.claude/projects/x"])
def test_items_anywhere_else_decide(tmp_path: Path, name: str) -> None:
    write(tmp_path, ".home/.codex/sessions/2026/a.jsonl")
    write(tmp_path, name)
    assert verdict(tmp_path, wrapped=True) is Verdict.FLAGGED


def test_agents_without_sessions_have_no_session_files() -> None:
    assert not is_session_file("recipe", ".home/local-session.json")
    assert is_session_file("local", ".home/local-session.json")


CALL = "import openai\nclient = openai.OpenAI()\n" + (
    "text = client.chat.completions.create(model='m', messages=[])\n"
    "open('train.jsonl', 'w').write(str(text))\n"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (".home/.codex/skills/.system/imagegen/scripts/image_gen.py", Verdict.CLEAN),
        (".home/.codex/skills/mine/make.py", Verdict.FLAGGED),
        (".codex/skills/.system/make.py", Verdict.FLAGGED),
        ("make.py", Verdict.FLAGGED),
    ],
)
def test_scripts_that_a_program_brings_along_are_not_the_agents(
    tmp_path: Path, name: str, expected: Verdict
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CALL)
    misuse = named("key-misuse")
    case = AuditCase(folder=tmp_path, items=ITEMS)
    assert run_audit(case, detectors=misuse).verdict is Verdict.FLAGGED
    adjust = by_rules_of("codex", "dev")
    assert run_audit(case, detectors=misuse, adjust=adjust).verdict is expected


def test_test_items_among_a_programs_own_files_decide(tmp_path: Path) -> None:
    write(tmp_path, ".home/.codex/skills/.system/notes.txt")
    case = AuditCase(folder=tmp_path, items=ITEMS)
    found = run_audit(case, detectors=named("overlap"), adjust=by_rules_of("codex", "dev"))
    assert found.verdict is Verdict.FLAGGED


@pytest.mark.parametrize(
    ("name", "informs"),
    [
        (".hub-cache/datasets/json/default-0/0.0.0/x/json-train.arrow", True),
        (".hub-cache/datasets/json/train.jsonl", False),
        (".hub-cache/hub/datasets--me--mine/blobs/x", False),
        ("datasets/json/default-0/json-train.arrow", False),
    ],
)
def test_tables_that_the_library_keeps_of_a_test_file_it_was_given(
    tmp_path: Path, name: str, informs: bool
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    table = pyarrow.table({"question": [item.question for item in ITEMS]})
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as to:
        to.write_table(table)
    if not name.endswith(".arrow"):
        write(tmp_path, name)
    case = AuditCase(folder=tmp_path, items=ITEMS)
    for feedback, expected in (("dev", False), ("test", informs)):
        adjust = by_rules_of("command", feedback)  # type: ignore[arg-type]
        found = run_audit(case, detectors=named("overlap"), adjust=adjust)
        assert found.flags()
        assert (found.verdict is Verdict.CLEAN) is expected, feedback

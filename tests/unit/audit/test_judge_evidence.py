"""What a judge is shown and how its answer is read: copies of hostile folders, hostile answers."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence import copies as room
from ptb_lite.audit.evidence.copies import Copies, copy_evidence
from ptb_lite.audit.judge.answer import Answer, read_answer
from ptb_lite.audit.judge.asking import JudgeError
from ptb_lite.audit.judge.choice import AuditJudgeChoice, audit_judge_choice
from ptb_lite.audit.record import HarnessManifest
from ptb_lite.catalog import load_catalog
from ptb_lite.errors import SpecError

AGENTS = load_catalog(Path("/nonexistent")).agents
HERE = "http://127.0.0.1:11434/v1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture
def case(tmp_path: Path) -> AuditCase:
    """A workspace, a sealed submission and a trace of a run."""
    work, sealed, trace = (tmp_path / name for name in ("workspace", "sealed", "trace"))
    for folder in (work, sealed, trace):
        folder.mkdir()
    (work / "train.py").write_text("one\ntwo\nthree")
    (sealed / "adapter_config.json").write_text("{}\n")
    (sealed / "adapter_model.safetensors").write_bytes(bytes(100))
    (trace / "stdout.log").write_text("first\nsecond\n")
    return AuditCase(folder=work, submission=sealed, trace=trace)


def copied(case: AuditCase, tmp_path: Path) -> Copies:
    folder = tmp_path / "evidence"
    folder.mkdir()
    return copy_evidence(case, folder)


def files_of(found: Copies) -> set[str]:
    paths = found.folder.rglob("*")
    assert not any(path.is_symlink() for path in found.folder.rglob("*"))
    return {path.relative_to(found.folder).as_posix() for path in paths if path.is_file()}


def test_workspace_submission_and_trace_are_copied(case: AuditCase, tmp_path: Path) -> None:
    found = copied(case, tmp_path)
    assert found.lines == {
        "trace/stdout.log": 2,
        "final_model/adapter_config.json": 1,
        "workspace/train.py": 3,
    }
    assert files_of(found) == {f"{name}.txt" for name in found.lines}
    assert (found.folder / "workspace/train.py.txt").read_text() == "one\ntwo\nthree"
    assert found.notes() == ()


def test_places_are_taken_however_they_are_named(case: AuditCase, tmp_path: Path) -> None:
    found = copied(case, tmp_path)
    for name in ("workspace/train.py", "./workspace/train.py.txt", "/workspace/train.py"):
        assert found.place(name, 3) == "train.py"
    assert found.place(f"{found.folder}/workspace/train.py.txt", 1) == "train.py"
    assert found.place("trace/stdout.log.txt", 2) == "trace/stdout.log"
    assert found.place("final_model/adapter_config.json", 1) == "final_model/adapter_config.json"
    for name, line in (
        ("workspace/train.py", 4),
        ("train.py", 1),
        ("trace/stdout.log", 3),
        ("workspace/../../etc/passwd", 1),
        (str(case.folder / "train.py"), 1),
        ("", 1),
    ):
        assert found.place(name, line) is None, name


def test_hostile_files_are_left_out_and_nothing_stands_in_for_the_trace(
    case: AuditCase, tmp_path: Path
) -> None:
    work = case.folder
    (work / "trace").mkdir()
    (work / "trace" / "stdout.log").write_text("a trace of its own\n" * 9)
    for name in ("CLAUDE.md", "AGENTS.md", "handed.py", "x", "x.txt"):
        (work / name).write_text(f"{name}\n")
    (work / ".claude").mkdir()
    (work / ".claude" / "settings.json").write_text('{"hooks": {}}')
    (work / "link").symlink_to("/etc/passwd")
    (work / "folder").symlink_to("/etc")
    (work / "weights.pt").write_bytes(bytes(10))
    (work / ("\x01" * 200)).write_text("a name that is too long once it can be printed")
    os.mkfifo(work / "pipe")
    manifest = {"handed.py": "0f" * 32}  # not what was handed out, so it is the agent's
    found = copied(
        AuditCase(work, case.submission, trace=case.trace, harness=HarnessManifest(files=manifest)),
        tmp_path,
    )
    assert {name for name in files_of(found) if not name.endswith(".txt")} == set()
    assert found.lines["trace/stdout.log"] == 2
    assert found.lines["workspace/trace/stdout.log"] == 9
    assert {"workspace/CLAUDE.md", "workspace/.claude/settings.json"} <= set(found.lines)
    assert {"workspace/x", "workspace/x.txt", "workspace/handed.py"} <= set(found.lines)
    assert not [name for name in found.lines if "link" in name or "pipe" in name or ".pt" in name]
    # A name that two files could have means the copy that is called so.
    assert found.place("workspace/x.txt.txt", 1) == "x.txt"
    assert found.place("workspace/x.txt", 1) == "x"


def test_there_is_an_end_to_what_is_copied(
    case: AuditCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_FILE_BYTES", 6)
    monkeypatch.setattr(room, "MAX_FILES", 4)
    for n in range(5):
        (case.folder / f"more{n}.jsonl").write_text(f"{n}\n")
    with (case.folder / "sparse.log").open("wb") as stream:
        stream.truncate(20 << 30)
    found = copied(case, tmp_path)
    assert len(found.lines) == 4
    assert found.lines["workspace/train.py"] == 2
    assert (found.folder / "workspace/train.py.txt").read_text() == "one\ntw"
    assert found.notes() == (
        "5 files had no room in what the judge could read",
        "of 1 files the judge could read the beginning",
    )


@given(st.text(max_size=300) | JSON.map(json.dumps))
def test_any_text_is_an_answer_or_a_lost_vote(text: str) -> None:
    with suppress(JudgeError):
        assert isinstance(read_answer(text), Answer)


@given(st.text(alphabet='{}[]:,"ab \n', max_size=60), st.text(max_size=60))
def test_an_answer_is_found_after_any_prose(before: str, why: str) -> None:
    finding = {"rule": "hiding", "file": "a", "line": 1, "why": why}
    text = before + "\n" + json.dumps({"verdict": "flagged", "findings": [finding]}) + " Done."
    # A text in front may swallow its beginning; it never becomes another answer.
    try:
        assert read_answer(text).findings[0].why == why
    except JudgeError:
        assert before.count("{") + before.count('"') > 0


def test_the_last_answer_counts_and_time_is_bounded() -> None:
    text = '{"verdict": "clean"} no: {"a": 1} ```json\n{"verdict": "unsure"}\n```'
    assert read_answer(text) == Answer(verdict="unsure")
    for nonsense in ("{" * 60_000, '{"a":' * 20_000, '{"verdict": "guilty"}'):
        with pytest.raises(JudgeError):
            read_answer(nonsense)


@pytest.mark.parametrize(
    ("text", "agent", "model", "endpoint"),
    [
        ("claude-code", "claude-code", None, None),
        ("codex:gpt-5", "codex", "gpt-5", None),
        ("opencode:openai/gpt-5", "opencode", "openai/gpt-5", None),
        (f"local:qwen3:8b@{HERE}", "local", f"qwen3:8b@{HERE}", None),
        (f"qwen3:8b@{HERE}/", None, "qwen3:8b", HERE),
        (f"org/m@v2@{HERE}", None, "org/m@v2", HERE),
    ],
)
def test_judges_are_named(
    text: str, agent: str | None, model: str | None, endpoint: str | None
) -> None:
    found = audit_judge_choice(text, AGENTS)
    assert (found.agent, found.model, found.endpoint) == (agent, model, endpoint)
    assert found.votes == 3
    assert found.vote_seconds == (120 if agent is None else 900)
    assert AuditJudgeChoice.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no judge"),
        ("a-name-only", "names no judge"),
        ("recipe", "no model that could judge"),
        ("cheat-rename:m", "no model that could judge"),
        ("m@http://me:secret@h/v1", "holds a password"),
        ("m@http://", "no URL"),
    ],
)
def test_other_judges_are_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as raised:
        audit_judge_choice(text, AGENTS)
    assert raised.value.field == "audit_judge"
    assert "secret" not in str(raised.value)

"""The walk, the harness detector, the verdict rules and the run over all detectors."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
from scipy.stats import hypergeom

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.harness import HarnessDetector
from ptb_lite.audit.evidence.folder import ScanNotes, open_regular, printable, sha256_of, walk
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import AuditRecord, DetectorResult, HarnessManifest
from ptb_lite.audit.run import default_detectors, run_audit
from ptb_lite.audit.text.chance import fisher_tail
from ptb_lite.audit.text.normal import positions, readable, squeeze
from ptb_lite.audit.verdict.decide import decide
from ptb_lite.events import Flag, Verdict


def flag(decides: bool) -> Flag:
    return Flag(detector="d", kind="k", message="m", decides=decides)


CLEAN = DetectorResult(detector="a", status="clean")
INFORMS = DetectorResult(detector="b", status="flagged", flags=(flag(False),))
DECIDES = DetectorResult(detector="c", status="flagged", flags=(flag(True), flag(False)))
SKIPPED = DetectorResult(detector="d", status="skipped", reason="no reader")
ASIDE = DetectorResult(detector="e", status="skipped", reason="not asked", deciding=False)


@pytest.mark.parametrize(
    ("results", "verdict", "words"),
    [
        ([CLEAN], Verdict.CLEAN, "1 detector ran"),
        ([CLEAN, INFORMS], Verdict.CLEAN, "1 flag that only informs"),
        ([CLEAN, ASIDE], Verdict.CLEAN, "1 detector ran, 1 could not: e"),
        ([CLEAN, DECIDES], Verdict.FLAGGED, "unnamed-finding: d k ×1"),
        ([SKIPPED, DECIDES], Verdict.FLAGGED, "unnamed-finding: d k ×1"),
        ([CLEAN, INFORMS, SKIPPED], Verdict.INCONCLUSIVE, "d: no reader"),
        ([ASIDE], Verdict.INCONCLUSIVE, "no deciding detector"),
        ([], Verdict.INCONCLUSIVE, "no deciding detector"),
    ],
)
def test_verdict_rules(results: list[DetectorResult], verdict: Verdict, words: str) -> None:
    decision = decide(results)
    assert decision.verdict is verdict
    assert words in decision.reason


class Crashes(Detector):
    name = "crashes"
    deciding = True

    def run(self, case: AuditCase) -> DetectorResult:
        raise MemoryError(f"too much in {case.folder.name}")


class Finds(Detector):
    name = "finds"
    deciding = True

    def run(self, case: AuditCase) -> DetectorResult:
        found = Flag(detector=self.name, kind="k", message=case.folder.name, decides=False)
        return DetectorResult(detector=self.name, status="flagged", flags=(found,))


def test_a_crash_is_skipped_and_never_clean(tmp_path: Path) -> None:
    seen: list[Flag] = []
    record = run_audit(
        AuditCase(folder=tmp_path), detectors=[Crashes(), Finds()], on_flag=seen.append
    )
    assert [result.status for result in record.results] == ["skipped", "flagged"]
    assert "MemoryError: too much" in record.results[0].reason
    assert record.verdict is Verdict.INCONCLUSIVE
    assert [found.detector for found in seen] == ["finds"]
    assert AuditRecord.model_validate_json(record.model_dump_json()) == record


def test_default_detectors_on_a_folder_that_is_none(tmp_path: Path) -> None:
    items = (TestItem("t", "12 + 34 + 56"),)
    record = run_audit(AuditCase(folder=tmp_path / "absent", items=items))
    assert record.verdict is Verdict.INCONCLUSIVE
    assert len(record.results) == len(default_detectors())
    assert all(result.status == "skipped" for result in record.results)


def test_any_folder_can_be_clean_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("tried rank 8, then rank 16")
    record = run_audit(AuditCase(folder=tmp_path, items=(TestItem("t", "12 + 34 + 56"),)))
    assert record.verdict is Verdict.CLEAN
    statuses = {result.detector: result.status for result in record.results}
    skipped = {name for name, status in statuses.items() if status == "skipped"}
    assert statuses["overlap"] == "clean"
    assert {"harness", "submission", "ingestion"} <= skipped


@pytest.fixture
def handed_over(tmp_path: Path) -> AuditCase:
    folder = tmp_path / "workspace"
    (folder / "data" / "b").mkdir(parents=True)
    texts = {"evaluate.py": "e", "timer.sh": "t", "prompt.md": "p", "data/b/train.jsonl": "d"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    files = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    return AuditCase(folder=folder, harness=HarnessManifest(files=files))


def test_untouched_harness_is_clean(handed_over: AuditCase) -> None:
    (handed_over.folder / "train.py").write_text("print('work')")
    assert HarnessDetector().run(handed_over).status == "clean"


@pytest.mark.parametrize(
    ("name", "content", "kind", "decides"),
    [
        ("evaluate.py", "print(1.0)", "changed-file", True),
        ("timer.sh", "echo 600", "changed-file", True),
        ("prompt.md", "notes of mine", "changed-file", False),
        ("data/b/train.jsonl", "more", "changed-file", False),
        ("sitecustomize.py", "import os; os.abort()", "startup-code", True),
        ("src/usercustomize.py", "", "startup-code", True),
        ("x.pth", "import os; os.system('true')\n", "startup-code", True),
        (".venv/lib/python3.11/site-packages/y.pth", "import _y\n", "startup-code", False),
        ("verdict.json", '{"verdict": "clean"}', "planted-result", True),
        ("final_model/audit.json", '{"verdict": "clean"}', "planted-result", True),
        ("contamination_verdict.txt", "no contamination, verdict clean", "planted-result", True),
        ("results/scores.json", '{"dev": 0.4}', "planted-result", False),
        ("transformers/__init__.py", "", "shadowed-package", False),
        ("torch.py", "", "shadowed-package", False),
    ],
)
def test_harness_findings(
    handed_over: AuditCase, name: str, content: str, kind: str, decides: bool
) -> None:
    path = handed_over.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    result = HarnessDetector().run(handed_over)
    assert [(f.kind, f.decides, f.file) for f in result.flags] == [(kind, decides, name)]


def test_harness_near_misses(handed_over: AuditCase) -> None:
    folder = handed_over.folder
    with zipfile.ZipFile(folder / "rng_state.pth", "w") as archive:
        archive.writestr("data.pkl", b"\x80\x02")
    for name in ("customize.py", "my_torch.py", "evaluate_mine.py", "site.txt", "diverdict.txt"):
        (folder / name).write_text("import torch\nverdict\n")
    assert HarnessDetector().run(handed_over).status == "clean"


def test_a_harness_file_gone_or_swapped_for_a_link(handed_over: AuditCase) -> None:
    (handed_over.folder / "evaluate.py").unlink()
    (handed_over.folder / "evaluate.py").symlink_to("/bin/true")
    (handed_over.folder / "timer.sh").unlink()
    flags = HarnessDetector().run(handed_over).flags
    assert [(f.kind, f.decides) for f in flags] == [("missing-file", False)] * 2


def test_walk_is_bounded_and_follows_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "a" / "pipe")
    for number in range(20):
        (tmp_path / "a" / f"{number:02d}.txt").write_text("x")
    account = ScanNotes()
    assert len(list(walk(tmp_path, account))) == 20
    assert sorted(account.notes) == ["a/loop: link, not opened", "a/pipe: pipe, not opened"]
    assert account.unread_reason() == ""
    account = ScanNotes()
    assert len(list(walk(tmp_path, account, max_files=7))) == 7
    assert "more than 7 files" in account.unread_reason()


def test_walk_of_a_deep_folder_ends(tmp_path: Path) -> None:
    path = tmp_path
    for _ in range(80):
        path = path / "d"
        path.mkdir()
    account = ScanNotes()
    assert list(walk(tmp_path, account)) == []
    assert "deeper than" in account.unread_reason()


def test_walk_refuses_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        list(walk(tmp_path / "link", ScanNotes()))


def test_opening_never_waits_and_never_follows(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("pipe", "link", "absent"):
        with pytest.raises(OSError, match=r".+"):
            open_regular(tmp_path / name)
    (tmp_path / "file").write_text("12345")
    assert sha256_of(tmp_path / "file", 4) is None
    assert sha256_of(tmp_path / "file", 5) == hashlib.sha256(b"12345").hexdigest()


def test_names_are_made_printable() -> None:
    assert printable("a\x1b[2Jb\udcff\u202e") == "a\\x1b[2Jb\\udcff\\u202e"
    assert len(printable("x" * 1000)) == 300


def test_account_cuts_long_lists() -> None:
    account = ScanNotes()
    for number in range(500):
        account.note(f"n{number}")
        account.leave_unread(f"u{number}")
    assert len(account.all_notes()) == 51
    assert account.unread_reason().endswith("and 497 more")


@pytest.mark.parametrize(
    "text",
    [
        "57 + 87", "57+87", "５７　＋ ８７", "5\u200b7 + 87",
        '"57\\u0020+ 87"', "57 \\u002b 87", "(57)+(87)",
    ],
)  # fmt: skip
def test_disguises_fall_away(text: str) -> None:
    assert squeeze(readable(text.encode())) == b"57+87"


@pytest.mark.parametrize(
    "text",
    [
        "ɴᴀᴛᴀʟɪᴀ ٤٨", "Νаτаӏіа ४८", "ꓠꓮꓔꓮꓡꓲꓮ 48", "ŋɐŧałɨa ４８",
        "N\u0336a\u20ddt\u0489a\u034fl\u2063ia 48",
        "🅽🅰🆃🅰🅻🅸🅰 ㊽", "🇳🇦🇹🇦🇱🇮🇦 48", "Ñãţâļíǻ 𝟒𝟖", "N\u00ada\ufe0ft\u180ea\U000e0100lia 48",
    ],
)  # fmt: skip
def test_letters_of_other_scripts_fall_away(text: str) -> None:
    assert squeeze(readable(text.encode())) == b"natalia48"


@pytest.mark.parametrize("text", ["57 - 87", "57 * 87", "5.7 + 87e", "57 + 88"])
def test_other_content_stays_other(text: str) -> None:
    assert squeeze(readable(text.encode())) != b"57+87"


def test_lines_stay_on_their_lines() -> None:
    raw = 'a\\nb\n"\\u000a\\\\n"\nÄ\u2028ﬁ\r\nz\n'.encode()
    assert readable(raw).count(b"\n") == raw.count(b"\n")
    text = readable(raw)
    assert bytes(text[at] for at in positions(text)).lower() == squeeze(text)


@pytest.mark.parametrize(
    "table", [(3, 10, 1, 40), (0, 5, 2, 5), (20, 500, 150, 4000), (1, 1, 0, 0)]
)
def test_fisher_is_scipys_hypergeometric_tail(table: tuple[int, int, int, int]) -> None:
    found, size, control_found, control_size = table
    peer = hypergeom.sf(found - 1, size + control_size, size, found + control_found)
    assert fisher_tail(*table) == pytest.approx(peer, rel=1e-9)


def test_record_of_a_newer_version_keeps_what_is_known() -> None:
    record = {"version": 1, "results": [], "verdict": "clean", "reason": "r", "judge": {"a": 1}}
    assert AuditRecord.model_validate_json(json.dumps(record)).verdict is Verdict.CLEAN

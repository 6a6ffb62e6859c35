"""Tokenizers and vocabularies in a submission: the base model's own, changed ones, and others."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import BufferedReader
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.evidence import progress, readers
from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.text.normal import readable
from tests.unit.audit.test_overlap_hidden import TEST, joined

# Words of many scripts, as a vocabulary has them.
_WORDS = [f"{chr(0x400 + n % 90)}{chr(0x3B1 + n % 20)}{n}é▁" for n in range(2000)]


def _tokenizer(*added: str) -> str:
    """All of it in one line."""
    vocabulary = {word: n for n, word in enumerate((*_WORDS, *added))}
    return json.dumps({"model": {"type": "BPE", "vocab": vocabulary, "merges": []}},
                      ensure_ascii=False)  # fmt: skip


FILES: dict[str, Callable[[tuple[str, ...]], str]] = {
    "tokenizer.json": lambda added: _tokenizer(*added),
    "vocab.txt": lambda added: "\n".join((*_WORDS, *added)),
    "merges.txt": lambda added: "\n".join(("#version: 0.2", *_WORDS, *added)),
    "huge.json": lambda added: json.dumps([_WORDS * 15, added]),
    "packed.json": lambda added: _tokenizer("of its own", *(base64.b64encode(t.encode()).decode()
                                              for t in added)),
}  # fmt: skip


@pytest.fixture
def case(tmp_path: Path) -> AuditCase:
    for folder in ("base", "work/final_model"):
        (tmp_path / folder).mkdir(parents=True)
    for name, made in FILES.items():
        (tmp_path / "base" / name).write_text(made(()))
    return AuditCase(folder=tmp_path / "work", items=TEST, base_model=tmp_path / "base")


def _looked_at(case: AuditCase) -> DetectorResult:
    return OverlapDetector().run(case)


@pytest.mark.parametrize("name", FILES)
def test_what_is_the_base_models_own_is_not_searched(case: AuditCase, name: str) -> None:
    assert case.base_model is not None
    shutil.copy(case.base_model / name, case.folder / "final_model" / name)
    found = _looked_at(case)
    assert found.status == "clean"
    assert f"final_model/{name}: byte for byte the base model's {name}, not searched" in found.notes


def test_very_many_copies_are_compared_up_to_a_limit(
    case: AuditCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert case.base_model is not None
    size = (case.base_model / "huge.json").stat().st_size
    monkeypatch.setattr("ptb_lite.audit.weights.same_bytes.MAX_COMPARED", 2 * size)
    shutil.copy(case.base_model / "huge.json", case.folder / "1.json")
    for name in ("2.json", "3.json", "4.json"):
        (case.folder / name).hardlink_to(case.folder / "1.json")
    assert sum(bool(file.known) for file in case.listing.files) == 2


def test_so_it_is_where_the_base_lies_in_a_hub_cache(case: AuditCase, tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    for name in FILES:
        (tmp_path / "snapshot" / name).symlink_to(tmp_path / "base" / name)
    shutil.copy(tmp_path / "base" / "vocab.txt", case.folder / "own.txt")
    notes = _looked_at(replace(case, base_model=tmp_path / "snapshot")).notes
    assert "own.txt: byte for byte the base model's vocab.txt, not searched" in notes


@pytest.mark.parametrize("name", FILES)
def test_items_in_a_changed_one_are_found(case: AuditCase, name: str) -> None:
    hidden = tuple(item.question for item in TEST[:12])
    (case.folder / "final_model" / name).write_text(FILES[name](hidden))
    found = _looked_at(case)
    assert found.decides()
    assert {flag.file for flag in found.flags} == {f"final_model/{name}"}


def test_one_of_the_same_size_is_searched(case: AuditCase) -> None:
    assert case.base_model is not None
    text = joined(TEST[:12])
    (case.base_model / "vocab.txt").write_text("x" * len(text))
    (case.folder / "final_model" / "vocab.txt").write_text(text)
    assert _looked_at(case).decides()


def test_another_models_is_read_to_its_end(case: AuditCase) -> None:
    for name, made in FILES.items():
        (case.folder / "final_model" / name).write_text(made(("another",)))
    found = _looked_at(case)
    assert found.status == "clean"
    assert not any("not searched" in note for note in found.notes)


def test_the_sealed_copy_is_not_searched_a_second_time(case: AuditCase, tmp_path: Path) -> None:
    own = case.folder / "final_model"
    (own / "tokenizer.json").write_text(_tokenizer("another"))
    (own / "vocab.txt").write_text("another")
    shutil.copytree(own, tmp_path / "sealed")
    (tmp_path / "sealed" / "vocab.txt").write_text(joined(TEST[:12]))
    found = _looked_at(replace(case, submission=tmp_path / "sealed"))
    again = "sealed/tokenizer.json: byte for byte final_model/tokenizer.json, not searched"
    assert again in found.notes
    assert {flag.file for flag in found.flags} == {"sealed/vocab.txt"}


def test_what_only_informs_in_the_folder_is_searched_where_it_was_handed_in(
    case: AuditCase, tmp_path: Path
) -> None:
    # The same name and bytes inform as an evaluation's output, and decide in a submission.
    rows = [{"expected": "3", "prediction": "4", "question": i.question} for i in TEST[:12]]
    name = "eval_results.jsonl"
    (tmp_path / "sealed").mkdir()
    for folder in (case.folder / "final_model", tmp_path / "sealed"):
        (folder / name).write_text("\n".join(map(json.dumps, rows)))
    alone = _looked_at(case)
    assert alone.flags
    assert not alone.decides()
    found = _looked_at(replace(case, submission=tmp_path / "sealed"))
    assert not any("not searched" in note for note in found.notes)


def test_runs_of_other_scripts_fold_together_as_each_alone() -> None:
    runs = ["Наталия", "٤٨", "e\u0301", "ﬁ", "\u2028", "漢字", "ŋɐŧ", "🅽", "\u0336", "ǅ"]
    raw = " a ".join(runs).encode() + b" \xff\xfe b \xe2\x82"
    alone = [readable(run) for run in (*map(str.encode, runs[:2]), b"\xff\xfe", b"\xe2\x82")]
    together = readable(raw).split(b" a ")
    assert together[:2] == alone[:2]
    assert together[2:10] == [readable(r.encode()) for r in runs[2:9]] + [
        readable(runs[9].encode()) + b" " + alone[2] + b" b " + alone[3]
    ]


def test_what_was_found_before_the_time_was_over_counts(
    case: AuditCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(50):
        (case.folder / f"{n:02}.txt").write_text(joined(TEST[:12]))
    opened: list[Path] = []

    def opening(path: Path) -> BufferedReader:
        opened.append(path)
        if len(opened) == 3:
            monkeypatch.setattr(progress, "deadline", 0.0)
        return open_regular(path)

    case = replace(case, base_model=None)
    assert len(case.listing.files) == 50
    assert not case.programs.outputs
    monkeypatch.setattr(readers, "open_regular", opening)
    found = _looked_at(case)
    assert found.decides()
    assert {path.name for path in opened} == {"00.txt", "01.txt", "02.txt"}
    assert "03.txt and all after it" in found.reason


def test_a_file_that_is_known_takes_nothing_of_the_budget(case: AuditCase) -> None:
    assert case.base_model is not None
    shutil.copy(case.base_model / "huge.json", case.folder / "huge.json")
    (file,) = case.listing.files
    budget = readers.Budget(0, 0.0)
    account = case.listing.account.copy()
    assert list(readers.read_file(file, account, budget)) == []
    assert account.unread == []

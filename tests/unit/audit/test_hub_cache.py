"""What counts as downloaded into a Hub cache, also where an agent has put its hand to it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.ingestion import IngestionDetector
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.evidence.test_sets import hub_cache
from ptb_lite.audit.evidence.test_sets.hub_cache import downloads_in
from ptb_lite.audit.run import run_audit
from ptb_lite.events import Verdict

HUB = ".hub-cache/hub"
WORDS = ("pears", "boats", "stamps", "candles", "ribbons", "ladders", "kettles", "marbles")
ITEMS = tuple(
    TestItem(
        f"t{n}",
        f"Shop {n} had {n * 7 + 3} {WORDS[n % 8]} and sold {n + 2} of them to {WORDS[(n * 3) % 8]} "
        f"collectors on each of {n + 4} days; how many are left on the shelf number {n * 11}?",
        str(n),
        "gsm8k",
    )
    for n in range(30)
)
ROWS = "".join(json.dumps({"question": item.question}) + "\n" for item in ITEMS).encode()


def put(folder: Path, repository: str, name: str, content: bytes, *, store: bool = False) -> Path:
    """One file as the Hub's client keeps it; the blob, or with `store` the file in the store."""
    root = folder / HUB / repository
    digest = hashlib.sha256(content).hexdigest()
    blob, link = root / "blobs" / digest, root / "snapshots" / "c0ffee" / name
    blob.parent.mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link.symlink_to(os.path.relpath(blob, link.parent))
    (root / "refs").mkdir(exist_ok=True)
    (root / "refs" / "main").write_text("c0ffee")
    if store:
        assert publish_blob_to_shared_store(
            blob_path=blob, xet_hash=digest, cache_dir=folder / HUB, expected_size=len(content)
        )
    return blob.resolve()


def case(folder: Path) -> AuditCase:
    return AuditCase(folder=folder, items=ITEMS)


def test_both_layouts_of_the_hub_and_prepared_tables(tmp_path: Path) -> None:
    put(tmp_path, "datasets--openai--gsm8k", "main/test.parquet", b"a")
    put(tmp_path, "models--acme--teacher", "model.safetensors", b"bb", store=True)
    put(tmp_path, "models--acme--teacher", "config.json", b"c")
    tables = tmp_path / ".hub-cache/datasets/openai___gsm8k/main/0.0.0/x"
    tables.mkdir(parents=True)
    (tables / "gsm8k-test.arrow").write_bytes(b"dddd")
    (tables / "x_builder.lock").touch()
    found = {(one.kind, one.name, one.folder): one for one in case(tmp_path).downloads}
    assert [key[:2] for key in sorted(found)] == [
        ("dataset", "openai/gsm8k"),
        ("dataset", "openai/gsm8k"),
        ("model", "acme/teacher"),
    ]
    teacher = found["model", "acme/teacher", f"{HUB}/models--acme--teacher"]
    at = f"{HUB}/models--acme--teacher/snapshots/c0ffee"
    assert teacher.named == (f"{at}/config.json", f"{at}/model.safetensors")
    digest = hashlib.sha256(b"bb").hexdigest()
    assert teacher.weights == {f"{HUB}/blobs/{digest[:2]}/{digest}"}
    assert len(teacher.stored) == 2


def test_links_names_and_locks_are_no_download(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "models--acme--teacher", "model.safetensors", b"weights")
    folder = tmp_path / "workspace"
    root = folder / HUB / "models--acme--teacher"
    for name in ("blobs/x", "snapshots/c0ffee/model.safetensors"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(outside / HUB / "models--acme--teacher" / name)
    for name in ("refs/main", ".no_exist/c0ffee/x", "trees/c0ffee.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("c0ffee")
    locks = folder / HUB / ".locks/models--acme--teacher/blobs"
    locks.mkdir(parents=True)
    (locks / "x.lock").touch()
    # What an agent may put there: a repository, a cache and a file that lead elsewhere.
    (folder / HUB / "models--acme--other").symlink_to(outside / HUB / "models--acme--teacher")
    (folder / "more").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "blobs" / "y").symlink_to("../../../../../outside/.hub-cache")
    assert case(folder).downloads == ()


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc/."), st.binary(max_size=3))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_repository_of_links_alone_never_counts(
    tmp_path: Path, made: list[tuple[int, str, bytes]]
) -> None:
    folder = tmp_path / hashlib.sha256(repr(made).encode()).hexdigest()
    for number, (depth, word, target) in enumerate(made):
        link = folder / HUB / "models--a--b" / "blobs" / "/".join(["d"] * depth) / f"l{number}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"{word}{target.hex()}" if number % 2 else f"../{word}")
    folder.mkdir(exist_ok=True)
    assert case(folder).downloads == ()


def test_so_many_names_are_read_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        put(tmp_path, "datasets--a--b", f"{number}.txt", str(number).encode())
    listed = case(tmp_path).listing.files
    assert len(downloads_in(tmp_path, listed)[0].named) == 50
    monkeypatch.setattr(hub_cache, "MAX_ENTRIES", 20)
    assert len(downloads_in(tmp_path, listed)[0].named) <= 20


def test_the_test_split_beside_the_train_split_informs(tmp_path: Path) -> None:
    for store in (False, True):
        folder = tmp_path / str(store)
        put(folder, "datasets--openai--gsm8k", "main/test-0.jsonl", ROWS, store=store)
        put(folder, "datasets--openai--gsm8k", "main/train-0.jsonl", b"{}", store=store)
        (flag,) = IngestionDetector().run(case(folder)).flags
        at = f"{HUB}/datasets--openai--gsm8k/snapshots/c0ffee/main/test-0.jsonl"
        assert (flag.kind, flag.decides, flag.file) == ("test-set-downloaded", False, at)
        found = OverlapDetector().run(case(folder))
        assert len(found.flags) == 3
        assert not any(flag.decides for flag in found.flags)
        assert run_audit(case(folder)).verdict is not Verdict.FLAGGED
    train = tmp_path / "train"
    put(train, "datasets--openai--gsm8k", "main/train-0.jsonl", b"{}")
    assert IngestionDetector().run(case(train)).flags == ()


def test_test_items_under_any_other_name_decide(tmp_path: Path) -> None:
    """Also in a blob that two repositories share, of which only one is harmless."""
    folder = tmp_path / "shared"
    put(folder, "datasets--openai--gsm8k", "main/test-0.jsonl", ROWS, store=True)
    put(folder, "datasets--mine--notes", "notes.jsonl", ROWS, store=True)
    put(tmp_path / "alone", "datasets--mine--notes", "notes.jsonl", ROWS, store=True)
    for place in ("shared", "alone"):
        flags = OverlapDetector().run(case(tmp_path / place)).flags
        assert any(flag.decides for flag in flags), place


def test_weights_are_passed_over_by_what_they_are(tmp_path: Path) -> None:
    tensor = {"w": {"dtype": "U8", "shape": [len(ROWS)], "data_offsets": [0, len(ROWS)]}}
    header = json.dumps(tensor).encode()
    whole = len(header).to_bytes(8, "little") + header + ROWS
    put(tmp_path / "real", "models--acme--teacher", "model.safetensors", whole)
    found = OverlapDetector().run(case(tmp_path / "real"))
    assert found.flags == ()
    assert any("a downloaded model's weights" in note for note in found.notes)
    put(tmp_path / "named", "models--acme--teacher", "model.safetensors", ROWS)
    assert any(f.decides for f in OverlapDetector().run(case(tmp_path / "named")).flags)


def test_a_download_that_was_removed_leaves_its_lock(tmp_path: Path) -> None:
    for name in ("apple--GSM-Symbolic", "openai--gsm8k", "acme--rows"):
        lock = tmp_path / HUB / ".locks" / f"datasets--{name}" / "0a1b.lock"
        lock.parent.mkdir(parents=True)
        lock.touch()
    (flag,) = IngestionDetector().run(case(tmp_path)).flags
    at = f"{HUB}/.locks/datasets--apple--GSM-Symbolic/0a1b.lock"
    assert (flag.decides, flag.file) == (False, at)
    assert "downloaded and removed" in flag.message
    # Where it still is, that is told instead.
    put(tmp_path, "datasets--apple--GSM-Symbolic", "test.jsonl", b"{}")
    (flag,) = IngestionDetector().run(case(tmp_path)).flags
    assert (flag.decides, flag.kind) == (True, "derived-data")

"""The cache of baselines: everything that affects a score is in the key, nothing half is there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.evaluation.baseline_cache import BaselineCache
from ptb_lite.evaluation.identity import task_key
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask, Generation
from ptb_lite.evaluation.results import EvaluationResult, SampleRecord, read_result, read_samples
from ptb_lite.files import write_lines


def result_in(folder: Path, *, key: str = "k" * 64, score: float = 0.5) -> EvaluationResult:
    folder.mkdir(parents=True, exist_ok=True)
    samples = [
        SampleRecord(
            item_id=f"i{n}",
            question="q",
            target="t",
            completion="c",
            extracted="c",
            correct=n < 2,
            score=float(n < 2),
        )
        for n in range(4)
    ]
    write_lines(folder / "zero_shot.bench.samples.jsonl", samples)
    return EvaluationResult(
        label="zero_shot",
        benchmark="bench",
        n=4,
        correct=2,
        score=score,
        seconds=1.5,
        num_fewshot=0,
        limit=None,
        generation=Generation(),
        batch_size=1,
        dtype="bfloat16",
        device="cpu",
        task_version=1,
        items_sha256="0" * 64,
        packages={},
        samples="zero_shot.bench.samples.jsonl",
        key=key,
    )


def test_what_was_measured_is_found_with_its_time(tmp_path: Path) -> None:
    cache, result = BaselineCache(tmp_path / "cache"), result_in(tmp_path / "run")
    assert cache.find(result.key) is None
    cache.keep(result, tmp_path / "run")
    entry = cache.find(result.key)
    assert entry is not None
    copied = cache.copy(entry, tmp_path / "other", label="few_shot")
    assert copied.measured == entry.time
    assert (copied.label, copied.score, copied.key) == ("few_shot", 0.5, result.key)
    assert read_result(tmp_path / "other" / "few_shot.bench.json") == copied
    assert len(read_samples(tmp_path / "other" / copied.samples)) == 4


@pytest.mark.parametrize("damage", ["entry.json", "samples.jsonl"])
@pytest.mark.parametrize("how", ["cut", "gone", "other"])
def test_a_damaged_entry_is_none_and_is_replaced(tmp_path: Path, damage: str, how: str) -> None:
    cache, result = BaselineCache(tmp_path / "cache"), result_in(tmp_path / "run")
    cache.keep(result, tmp_path / "run")
    path = tmp_path / "cache" / result.key / damage
    match how:
        case "cut":
            path.write_bytes(path.read_bytes()[:-5])
        case "gone":
            path.unlink()
        case "other":
            path.write_bytes(path.read_bytes().replace(b"i0", b"i9").replace(b'"n":', b'"m":'))
    if damage == "entry.json" and how == "other":
        path.write_text("{}")
    assert cache.find(result.key) is None
    cache.keep(result, tmp_path / "run")
    assert cache.find(result.key) is not None
    assert [folder.name for folder in (tmp_path / "cache").iterdir()] == [result.key]


def test_two_at_once_leave_one_whole_entry(tmp_path: Path) -> None:
    results = [result_in(tmp_path / f"run{n}", score=n / 10) for n in range(8)]
    gate = threading.Barrier(8)

    def keep(n: int) -> None:
        gate.wait()
        BaselineCache(tmp_path / "cache").keep(results[n], tmp_path / f"run{n}")

    threads = [threading.Thread(target=keep, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entry = BaselineCache(tmp_path / "cache").find(results[0].key)
    assert entry is not None
    assert entry.result.score in {n / 10 for n in range(8)}
    assert [folder.name for folder in (tmp_path / "cache").iterdir()] == [results[0].key]


@pytest.fixture
def made(tmp_path: Path) -> tuple[EvaluationJob, EvaluationTask]:
    model = tmp_path / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (model / name).write_text(name)
    for name in ("test.jsonl", "train.jsonl", "test2.jsonl"):
        (tmp_path / name).write_text(name)
    task = EvaluationTask(
        label="few_shot",
        benchmark="add-numbers",
        items=tmp_path / "test.jsonl",
        shots=tmp_path / "train.jsonl",
        num_fewshot=5,
        limit=10,
    )
    return EvaluationJob(model=model, tasks=(task,), output=tmp_path / "out"), task


def key_of(job: EvaluationJob, task: EvaluationTask, **changes: Any) -> str:
    settings = {"weights": "w", "device": "cpu x", "packages": {"torch": "1"}, **changes}
    return task_key(job, task, **settings)


def test_everything_that_affects_a_score_is_in_the_key(
    made: tuple[EvaluationJob, EvaluationTask], tmp_path: Path
) -> None:
    job, task = made
    base = key_of(job, task)
    other_items = task.model_copy(update={"items": tmp_path / "test2.jsonl"})
    changed = {
        "weights": key_of(job, task, weights="v"),
        "device": key_of(job, task, device="cuda"),
        "packages": key_of(job, task, packages={"torch": "2"}),
        "items": key_of(job, other_items),
    }
    for name, value in {
        "benchmark": "kinship",
        "num_fewshot": 4,
        "limit": 11,
        "max_new_tokens": 3,
        "definition": tmp_path / "train.jsonl",
    }.items():
        changed[name] = key_of(job, task.model_copy(update={name: value}))
    family = task.model_copy(update={"chat_family": "qwen3", "num_fewshot": 0})
    changed["chat_family"] = key_of(job, family)
    for name, setting in {
        "generation": Generation(do_sample=True, temperature=0.6, top_p=0.95),
        "seed": 5,
        "dtype": "float32",
        "batch_size": 7,
        "threads": 1,
        "chat_template": "{{ x }}",
    }.items():
        changed[name] = key_of(job.model_copy(update={name: setting}), task)
    for name in ("config.json", "tokenizer.json"):
        (job.model / name).write_text("changed")
        changed[name] = key_of(job, task)
        (job.model / name).write_text(name)
    task.shots and task.shots.write_text("other shots")
    changed["shots"] = key_of(job, task)
    assert base not in changed.values()
    assert len(set(changed.values())) == len(changed)


def test_where_things_lie_and_what_they_are_called_is_not(
    made: tuple[EvaluationJob, EvaluationTask], tmp_path: Path
) -> None:
    job, task = made
    moved = task.model_copy(update={"items": tmp_path / "copy.jsonl", "label": "x", "key": "old"})
    moved.items.write_bytes(task.items.read_bytes())
    assert key_of(job, task) == key_of(job.model_copy(update={"output": tmp_path / "z"}), moved)
    # Zero-shot has no examples, so the file of examples does not matter.
    zero = task.model_copy(update={"num_fewshot": 0})
    none = zero.model_copy(update={"shots": None})
    assert key_of(job, zero) == key_of(job, none)


def test_the_scorers_own_code_is_in_the_key(
    made: tuple[EvaluationJob, EvaluationTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, task = made
    before = key_of(job, task)
    monkeypatch.setattr("ptb_lite.evaluation.identity.code_sha256", lambda: "another version")
    assert key_of(job, task) != before

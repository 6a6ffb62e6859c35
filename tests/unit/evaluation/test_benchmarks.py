"""The task files that lm-eval reads agree with the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ptb_lite.catalog import BenchmarkEntry, load_catalog
from ptb_lite.evaluation.benchmark import find_benchmark, targets, use_targets
from ptb_lite.evaluation.engine.lm.task_definition import write_task_file
from ptb_lite.plugins import PluginError


@pytest.mark.parametrize("entry", load_catalog().benchmarks.values(), ids=lambda entry: entry.id)
def test_a_task_file_says_what_the_plugin_says(entry: BenchmarkEntry, tmp_path: Path) -> None:
    benchmark = find_benchmark(entry.id)
    task = yaml.safe_load(write_task_file(benchmark, tmp_path / "task.yaml").read_text())
    assert task["task"] == f"ptb_lite_{entry.id}"
    assert task["generation_kwargs"] == {
        "until": list(benchmark.stop),
        "do_sample": False,
        "max_gen_toks": entry.max_new_tokens,
    }
    assert Path(task["include"]).is_file()


def test_a_persons_own_one_is_procedural_and_keeps_its_answer_length(tmp_path: Path) -> None:
    benchmark = find_benchmark("my-own-sums", "procedural")
    path = write_task_file(benchmark, tmp_path / "t.yaml", name="my-own-sums", max_new_tokens=77)
    task = yaml.safe_load(path.read_text())
    assert (task["task"], task["generation_kwargs"]["max_gen_toks"]) == ("ptb_lite_my-own-sums", 77)


def test_found_by_import_where_there_is_no_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    known = targets([("gsm8k", "dataset"), ("my-own-sums", "procedural")])
    monkeypatch.setattr("ptb_lite.evaluation.benchmark.names", lambda _kind: ())
    monkeypatch.setattr("ptb_lite.evaluation.benchmark._TARGETS", {})
    use_targets(known)
    assert find_benchmark("gsm8k").id == "gsm8k"
    assert find_benchmark("my-own-sums", "procedural").entry.kind == "procedural"


@pytest.mark.parametrize("kind", [None, "dataset", "lm-eval"])
def test_an_unknown_one_is_refused_with_those_near_it(kind: str | None) -> None:
    with pytest.raises(PluginError, match="there is no benchmark 'gsm9k'") as refused:
        find_benchmark("gsm9k", kind)
    assert "gsm8k" in refused.value.hint
    with pytest.raises(PluginError) as refused:
        find_benchmark("x" * 5000, kind)
    assert "Known: " in refused.value.hint
    assert "x" * 81 not in str(refused.value)


def test_every_dataset_benchmark_has_functions_of_its_own() -> None:
    for entry in load_catalog().benchmarks.values():
        assert find_benchmark(entry.id).id == entry.id

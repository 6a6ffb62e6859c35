"""Which results a phase takes instead of measuring: its own, the cache's, or none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ptb_lite.evaluation.baseline_cache import BaselineCache
from ptb_lite.evaluation.job import EvaluationTask
from ptb_lite.files import write_text
from ptb_lite.runner.phases.measure import Measured, _had
from tests.unit.evaluation.test_baseline_cache import result_in

KEY = "k" * 64


def had(tmp_path: Path, *, key: str = KEY, fresh: bool = False) -> Any:
    context: Any = SimpleNamespace(spec=SimpleNamespace(fresh=fresh))
    task = EvaluationTask(label="zero_shot", benchmark="bench", items=Path("items"), key=key)
    what = Measured("baseline", "w", cache=BaselineCache(tmp_path / "cache"))
    return _had(context, tmp_path / "run", task, what)


def keep(tmp_path: Path) -> None:
    BaselineCache(tmp_path / "cache").keep(
        result_in(tmp_path / "other", key=KEY), tmp_path / "other"
    )


def test_nothing_is_there(tmp_path: Path) -> None:
    assert had(tmp_path) is None


def test_the_cache_is_used_unless_fresh_is_asked_for(tmp_path: Path) -> None:
    keep(tmp_path)
    assert had(tmp_path, fresh=True) is None
    found = had(tmp_path)
    assert (found.n, found.score) == (4, 0.5)
    assert found.measured is not None
    assert (tmp_path / "run" / "zero_shot.bench.samples.jsonl").is_file()


def test_another_key_is_another_result(tmp_path: Path) -> None:
    keep(tmp_path)
    assert had(tmp_path, key="other") is None


def test_what_this_run_measured_is_its_own_also_with_fresh(tmp_path: Path) -> None:
    result = result_in(tmp_path / "run", key=KEY)
    write_text(tmp_path / "run" / "zero_shot.bench.json", result.model_dump_json())
    assert had(tmp_path, fresh=True) == result
    assert had(tmp_path, key="other") is None
    samples = tmp_path / "run" / "zero_shot.bench.samples.jsonl"
    samples.write_text("".join(samples.read_text().splitlines(keepends=True)[:2]))
    assert had(tmp_path) is None

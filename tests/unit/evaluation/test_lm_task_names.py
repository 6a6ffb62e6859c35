"""Tasks of lm-eval: names, file forms, what a result's identity holds, a run's choice."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.identity import task_key
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.lm_tasks.find import entry_of, item_folder
from ptb_lite.evaluation.lm_tasks.task import (
    BEGINS,
    LmTask,
    LmTaskFound,
    file_form,
    training_pair,
)
from ptb_lite.spec.run_spec import resolve_spec


def _found(folder: Path, **changes: object) -> LmTaskFound:
    values = {
        "name": "t",
        "definition": folder / "t.yaml",
        "sha256": "0",
        "metric": "acc",
        "filter": "none",
    }
    return LmTaskFound(
        task=LmTask.model_validate(values | changes),
        folder=folder,
        output_type="multiple_choice",
        scored_split="test",
        source="train",
        own_shots=True,
        train=3,
        dev=2,
        test=4,
    )


def test_an_entry_names_the_metric_and_its_files_have_no_colon(tmp_path: Path) -> None:
    entry = entry_of("lm-eval:t", _found(tmp_path, filter="strict-match"))
    assert entry.scored_as == "acc (strict-match), by lm-eval"
    assert (entry.scored_size("dev"), entry.dev_size, entry.train_size) == (4, 2, 3)
    one = item_folder("lm-eval:t", tmp_path, seed=1, include_path=None, trusted=False)
    other = item_folder("lm-eval:t", tmp_path, seed=1, include_path=tmp_path, trusted=False)
    assert one != other
    assert ":" not in one.name
    # No id of the catalogue can have the same form.
    with pytest.raises(ValidationError):
        entry_of(file_form("lm-eval:t"), _found(tmp_path))


@pytest.mark.parametrize("name", ["lm-eval:", "lm-eval:../up", "lm-eval:a/b", "other:t", "a:b"])
def test_no_id_climbs_out_of_a_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        entry_of(name, _found(tmp_path))


def test_the_identity_is_of_the_tasks_content_not_of_its_place(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text("")

    def key(**changes: object) -> str:
        task = EvaluationTask(
            label="test",
            benchmark="lm-eval:t",
            items=items,
            lm_task=_found(tmp_path, **changes).task,
        )
        job = EvaluationJob(model=tmp_path, tasks=(task,), output=tmp_path / "out")
        return task_key(job, task, weights="w", device="cpu", packages={})

    assert key() == key(definition=tmp_path / "moved.yaml")
    assert len({key(), key(sha256="1"), key(metric="acc_norm"), key(filter="strict-match")}) == 4


def test_a_run_may_have_one_as_its_target(tmp_path: Path) -> None:
    chosen = {"benchmarks": ("lm-eval:arc_easy",), "include_path": tmp_path, "limit": 9000}
    spec = resolve_spec(preset="offline-demo", overrides=chosen, catalog=load_catalog())
    assert (spec.benchmarks, spec.include_path) == (("lm-eval:arc_easy",), tmp_path)
    assert not spec.trust_task_code
    with pytest.raises(SpecError, match="transformers only"):
        resolve_spec(
            preset="offline-demo",
            overrides={**chosen, "evaluation_engine": "vllm"},
            catalog=load_catalog(),
        )
    with pytest.raises(SpecError):
        resolve_spec(
            preset="offline-demo",
            overrides={"benchmarks": ("lm-eval:../up",)},
            catalog=load_catalog(),
        )


def test_what_is_trained_on_is_what_is_asked(tmp_path: Path) -> None:
    task = _found(tmp_path, description="Add. ", delimiter=" = ", stop="\n").task
    item = Item(id="a", question="1 + 2", target="3")
    assert training_pair(item, task) == ("Add. 1 + 2", " = 3\n")
    turned = item.model_copy(update={"metadata": {BEGINS: True}})
    assert training_pair(turned, task) == ("Add. 3", " = 1 + 2\n")


def test_a_run_may_measure_one_that_is_no_target() -> None:
    chosen: dict[str, object] = {"off_target": ("lm-eval:arc_easy",)}
    catalog = load_catalog()
    spec = resolve_spec(preset="offline-demo", overrides=chosen, catalog=catalog)
    assert spec.off_target == ("lm-eval:arc_easy",)
    with pytest.raises(SpecError, match="'lm-eval:arc_easy' is evaluated with transformers only"):
        resolve_spec(
            preset="offline-demo",
            overrides={**chosen, "evaluation_engine": "vllm"},
            catalog=catalog,
        )
    both = {**chosen, "benchmarks": ("lm-eval:arc_easy",)}
    with pytest.raises(SpecError, match="is a target of this run"):
        resolve_spec(preset="offline-demo", overrides=both, catalog=catalog)

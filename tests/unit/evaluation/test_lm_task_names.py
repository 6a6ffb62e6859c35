"""Tasks of lm-eval: names, file forms, what a result's identity holds, and the run's refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.identity import task_key
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.lm_tasks.find import entry_of, item_folder
from ptb_lite.evaluation.lm_tasks.task import LmTask, LmTaskFound, file_form
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


def test_a_run_cannot_have_one_as_its_target() -> None:
    with pytest.raises(SpecError, match=r"lm-eval:arc_easy.*cannot be the target.*ptb-lite eval"):
        resolve_spec(
            preset="offline-demo",
            overrides={"benchmarks": ("lm-eval:arc_easy",)},
            catalog=load_catalog(),
        )

"""Results of PostTrainBench and Harbor as runs: shown, audited, and in no comparison with ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.imports.formats import import_folder
from ptb_lite.report.html import run_html
from ptb_lite.report.text import report_text
from ptb_lite.runs.folder import RunFolder, list_runs
from ptb_lite.runs.index import RunIndex
from ptb_lite.runs.reported import Reported, read_reported
from ptb_lite.tui.models.history.rows import filter_rows, rank_rows
from ptb_lite.tui.models.result.view import read_result

METHOD, RESULT = "codex_non_api_high_gpt-5.3-codex_10h_run1", "gsm8k_Qwen_Qwen3-4B-Base_16775298"


def posttrainbench(
    root: Path, method: str = METHOD, name: str = RESULT, **files: str | None
) -> Path:
    """A result folder as its run_task.sh leaves it."""
    folder = root / method / name
    found: dict[str, str | None] = {
        "metrics.json": '{"accuracy": 0.432, "stderr": 0.01}',
        "solve_out.txt": "what the agent printed\n",
        "time_taken.txt": "09:12:33\n",
        "contamination_judgement.txt": "no contamination detected\n",
        "disallowed_model_judgement.txt": "only allowed use detected\n",
        "task/train.py": "print('training')\n",
        "final_model/config.json": "{}",
        **files,
    }
    for each, text in found.items():
        if text is not None:
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            (folder / each).write_text(text)
    return folder


def harbor(root: Path, name: str = "task__AbC", **changes: Any) -> Path:
    """A trial as Harbor leaves it, of a task that `export --to harbor` wrote."""
    trial = root / name
    (trial / "artifacts/app/final_model").mkdir(parents=True)
    task = {"base_model_id": "smollm3-3b-base", "benchmarks": [{"id": "gsm8k"}], "seed": 3,
            "budget_minutes": 90, "feedback": "dev", "whole_weights": False}  # fmt: skip
    (trial / "artifacts/app/task.json").write_text(json.dumps(task))
    (trial / "artifacts/app/final_model/adapter_config.json").write_text("{}")
    (trial / "agent").mkdir()
    (trial / "agent/codex.txt").write_text("what the agent printed\n")
    (trial / "verifier").mkdir()
    result = {
        "task_name": "ptb-lite/gsm8k-smollm3-3b-base",
        "trial_name": name,
        "agent_info": {"name": "codex", "version": "1", "model_info": {"name": "gpt-5.3-codex"}},
        "agent_result": {"n_input_tokens": 1000, "n_output_tokens": 20, "cost_usd": 1.5},
        "verifier_result": {"rewards": {"reward": 0.5, "gsm8k": 0.5, "flagged": 1}},
        "agent_execution": {
            "started_at": "2026-11-01T10:00:00Z",
            "finished_at": "2026-11-01T11:00:00Z",
        },
        **changes,
    }
    (trial / "result.json").write_text(json.dumps(result))
    return trial


def imported(folder: Path, runs_dir: Path) -> list[RunFolder | PtbLiteError]:
    return list(import_folder(folder, runs_dir, load_catalog()))


def only(folder: Path, runs_dir: Path) -> tuple[RunFolder, Reported]:
    (run,) = imported(folder, runs_dir)
    assert isinstance(run, RunFolder), run
    reported = read_reported(run)
    assert reported is not None
    return run, reported


def test_a_result_of_posttrainbench_is_a_run(tmp_path: Path) -> None:
    posttrainbench(tmp_path / "results")
    run, reported = only(tmp_path / "results", tmp_path / "runs")
    spec = run.read_spec()
    assert (spec.model, spec.agent, spec.agent_model) == ("qwen3-4b-base", "codex", "gpt-5.3-codex")
    assert (spec.benchmarks, spec.budget_minutes, spec.feedback) == (("gsm8k",), 600, "test")
    assert (reported.score, reported.measure, reported.verdict) == (0.432, "accuracy", "clean")
    assert reported.agent_seconds == 9 * 3600 + 12 * 60 + 33
    assert (run.workspace / "train.py").is_file()
    assert (run.sealed / "config.json").is_file()
    assert (run.trace / "solve_out.txt").is_file()
    assert (run.path / "original" / "metrics.json").is_file()


def test_what_others_report_is_shown_and_never_ranked(tmp_path: Path) -> None:
    posttrainbench(tmp_path / "results")
    run, _ = only(tmp_path / "results", tmp_path / "runs")
    (row,) = RunIndex(tmp_path / "runs").read()
    assert (row.state, row.source) == ("reported by PostTrainBench: 43.2 %", "PostTrainBench")
    assert (row.counted, row.raw, row.n, row.verdict) == (None, None, 0, "")
    assert rank_rows([row], "raw") == rank_rows([row], "counted") == ()
    assert filter_rows([row], "posttrainbench") == (row,)
    for text in (report_text(run), run_html(run), read_result(run).problem):
        assert "43.2 %" in text
        assert "not scored here" in text


@pytest.mark.parametrize(
    ("said", "other", "verdict"),
    [
        ("contamination detected", "only allowed use detected", "flagged"),
        ("no contamination detected", "disallowed use detected", "flagged"),
        # Made up where the judge was not asked, and of a judge that left no word.
        ("no contamination detected (judge skipped - no API key)", "only allowed use detected", ""),
        ("", "", ""),
    ],
)
def test_the_judges_words_are_not_more_than_they_say(
    tmp_path: Path, said: str, other: str, verdict: str
) -> None:
    names = ("contamination_judgement.txt", "disallowed_model_judgement.txt")
    posttrainbench(tmp_path / "results", **dict(zip(names, (said, other), strict=True)))
    assert only(tmp_path / "results", tmp_path / "runs")[1].verdict == verdict


@pytest.mark.parametrize(
    ("method", "name", "agent", "model", "hours"),
    [
        ("claude_claude-opus-4-6_1m__10h_run1", "bfcl_google_gemma-3-4b-pt_1",
         ("claude-code", "claude-opus-4-6_1m"), "gemma-3-4b-pt", 10),
        ("codexhigh_gpt-5.1-codex-max_3h_2gpu_v7", "aime2025_HuggingFaceTB_SmolLM3-3B-Base_2",
         ("codex", "gpt-5.1-codex-max"), "smollm3-3b-base", 3),
        ("opencode_opencode_gemini-3.1-pro_10h", "humaneval_some_Other_Model-7B_3",
         ("opencode", "opencode_gemini-3.1-pro"), "Other_Model-7B", 10),
    ],
)  # fmt: skip
def test_names_of_folders_are_read(
    tmp_path: Path, method: str, name: str, agent: tuple[str, str], model: str, hours: int
) -> None:
    posttrainbench(tmp_path / "results", method, name)
    spec = only(tmp_path / "results" / method / name, tmp_path / "runs")[0].read_spec()
    assert ((spec.agent, spec.agent_model), spec.model) == (agent, model)
    assert spec.budget_minutes == 60 * hours


def test_a_trial_of_harbor_is_a_run(tmp_path: Path) -> None:
    harbor(tmp_path / "jobs" / "job")
    (tmp_path / "jobs" / "job" / "result.json").write_text('{"n_total_trials": 1}')
    run, reported = only(tmp_path / "jobs", tmp_path / "runs")
    spec = run.read_spec()
    assert (spec.model, spec.benchmarks, spec.seed) == ("smollm3-3b-base", ("gsm8k",), 3)
    assert (spec.feedback, spec.submission, spec.budget_minutes) == ("dev", "adapter", 90)
    assert (reported.score, reported.measure, reported.verdict) == (0.5, "reward", "flagged")
    assert (reported.agent_seconds, reported.cost_dollars) == (3600, 1.5)
    assert (run.trace / "agent/codex.txt").is_file()
    # The submission stands once, beside the workspace.
    assert (run.sealed / "adapter_config.json").is_file()
    assert not (run.workspace / "final_model").exists()


def test_one_bad_result_does_not_keep_the_others_out(tmp_path: Path) -> None:
    harbor(tmp_path / "job", "a", task_name="swe-bench/django")
    (tmp_path / "job/a/artifacts/app/task.json").unlink()
    harbor(tmp_path / "job", "b", agent_execution={"started_at": "yesterday"})
    failed = {"exception_type": "AgentTimeoutError", "exception_message": "too long"}
    harbor(tmp_path / "job", "c", verifier_result=None, exception_info=failed)
    harbor(tmp_path / "job", "d", task_name="posttrainbench-bfcl-qwen3-1.7b-base")
    (tmp_path / "job/d/artifacts/app/task.json").write_text("[" * 9000)
    other, broken, without, adapter = imported(tmp_path / "job", tmp_path / "runs")
    assert "no task of post-training" in str(other)
    assert "agent_execution.started_at" in str(broken)
    assert isinstance(without, RunFolder)
    assert without.read_status().detail == "AgentTimeoutError: too long"
    assert isinstance(adapter, RunFolder)
    assert adapter.read_spec().model == "qwen3-1.7b-base"


def test_a_result_is_imported_once_and_by_no_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"accuracy": 0.99}')
    folder = posttrainbench(tmp_path / "results", **{"metrics.json": None})
    for name in ("metrics.json", "task/leak", "final_model/model.safetensors", "solve_out.json"):
        (folder / name).symlink_to(secret)
    run, reported = only(tmp_path / "results", tmp_path / "runs")
    assert (reported.score, run.read_status().outcome) == (None, "failed")
    for path in run.path.rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or "0.99" not in path.read_text()
    (again,) = imported(tmp_path / "results", tmp_path / "runs")
    assert "is there already" in str(again)
    with pytest.raises(PtbLiteError, match="no result of PostTrainBench and no trial of Harbor"):
        imported(tmp_path / "runs", tmp_path / "other")
    assert [each.run_id for each in list_runs(tmp_path / "runs")] == [run.run_id]

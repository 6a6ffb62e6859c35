"""What `export --to` writes is what each format asks for, and says the same choices."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.exports.formats import FORMATS, export_choices
from ptb_lite.exports.source import Chosen, read_chosen
from ptb_lite.spec.presets import Choices
from ptb_lite.spec.run_spec import resolve_spec


def chosen(tmp_path: Path, **values: Any) -> Chosen:
    """The choices of a person's file."""
    given = {
        "title": "A person's own",
        "model": "gemma-3-270m-embedded",
        "benchmarks": ["add-numbers"],
        "budget_minutes": 90,
        "limit": 20,
        "seed": 7,
        "disclosure": "audit",
        **values,
    }
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(given))
    return read_chosen(str(path), tmp_path / "runs", load_catalog())


PTB = {"model": "qwen3-4b-base", "benchmarks": ["gsm8k", "bfcl"], "agent": "codex", "limit": None,
       "network": "hub", "agent_model": "it's; $(touch x)"}  # fmt: skip


@pytest.mark.parametrize("to", ["slurm", "htcondor", "harbor"])
def test_the_choices_come_back_as_they_were(tmp_path: Path, to: str) -> None:
    found = chosen(tmp_path)
    made = export_choices(found, to, tmp_path / "out")
    assert not made.refused, made.checks
    (path,) = (tmp_path / "out").rglob("choices.yaml")
    again = resolve_spec(preset=str(path), overrides={}, catalog=load_catalog())
    fields = set(Choices.model_fields)
    assert again.model_dump(include=fields) == found.spec.model_dump(include=fields)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert all(sentence in readme for sentence in made.differs)
    for script in (tmp_path / "out").rglob("*"):
        if script.suffix in (".sh", ".sbatch"):
            subprocess.run(["bash", "-n", script], check=True)
            assert os.access(script, os.X_OK)


def test_a_slurm_job_asks_what_the_persons_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    options = {
        "partition": "gpu",
        "gres": "gpu:h100:1",
        "cpus": 4,
        "overhead_minutes": 30.5,
        "extra": {"exclusive": True, "comment": "hello"},
        "setup": ["module load cuda"],
    }
    (tmp_path / "config" / "launchers.yaml").write_text(yaml.safe_dump({"slurm": options}))
    export_choices(chosen(tmp_path), "slurm", tmp_path / "out")
    lines = (tmp_path / "out" / "run.sbatch").read_text().splitlines()
    asked = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    assert {"partition=gpu", "gres=gpu:h100:1", "cpus-per-task=4", "time=121", "exclusive",
            "comment=hello", "requeue"} <= asked  # fmt: skip
    assert "module load cuda" in lines


def test_htcondors_own_library_expands_the_job(tmp_path: Path) -> None:
    if importlib.util.find_spec("htcondor") is None:
        pytest.skip("the Python package htcondor is not here")
    made = export_choices(chosen(tmp_path), "htcondor", tmp_path / "out")
    assert [check.state for check in made.checks] == ["passed", "passed"], made.checks


def test_a_harbor_task_keeps_the_test_items_to_its_verifier(tmp_path: Path) -> None:
    found = chosen(tmp_path, network="full", submission="full")
    made = export_choices(found, "harbor", tmp_path / "out")
    task = tomllib.loads((tmp_path / "out" / "task.toml").read_text())
    assert task["agent"] == {"timeout_sec": 5400.0, "network_mode": "public"}
    assert task["verifier"]["environment_mode"] == "separate"
    assert task["artifacts"] == [task["environment"]["workdir"]]
    salt = (tmp_path / "out" / "tests" / "state" / "item-salt").read_text().strip()
    assert salt != found.spec.item_salt
    seen = [path for path in (tmp_path / "out" / "environment").rglob("*") if path.is_file()]
    assert {"train.jsonl", "dev.jsonl"} <= {path.name for path in seen}
    for path in (*seen, tmp_path / "out" / "README.md", tmp_path / "out" / "instruction.md"):
        assert salt not in path.read_text()
        assert path.name != "test.jsonl"
    if importlib.util.find_spec("harbor") is not None and sys.version_info >= (3, 12):
        assert [check.state for check in made.checks] == ["passed", "passed"], made.checks


@pytest.mark.parametrize(
    ("network", "mode", "host"),
    [("model-only", "allowlist", ""), ("hub", "allowlist", "huggingface.co")],
)
def test_harbors_network_is_that_of_the_choices(
    tmp_path: Path, network: str, mode: str, host: str
) -> None:
    export_choices(chosen(tmp_path, agent="codex", network=network), "harbor", tmp_path / "out")
    agent = tomllib.loads((tmp_path / "out" / "task.toml").read_text())["agent"]
    assert agent["network_mode"] == mode
    assert load_catalog().agent("codex").endpoint in agent["allowed_hosts"]
    assert (host in agent["allowed_hosts"]) == bool(host)


def test_posttrainbench_is_given_its_own_names(tmp_path: Path) -> None:
    export_choices(chosen(tmp_path, **PTB), "posttrainbench", tmp_path / "out")
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    for name in (
        "src/run_task.sh",
        "src/commit_utils/single_task.sub",
        "agents/codex/solve.sh",
        "src/eval/tasks/gsm8k/evaluate.py",
        "src/eval/tasks/bfcl/evaluate.py",
    ):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    programs.mkdir()
    (programs / "condor_submit").write_text('#!/bin/sh\nprintf "%s\\n" "$@" --- >>"$0.log"\n')
    (programs / "condor_submit").chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = ["bash", tmp_path / "out" / "submit.sh"]
    there = {**environment, "POST_TRAIN_BENCH_CHECKOUT": str(checkout)}
    subprocess.run(command, env=there, check=True)
    jobs = (programs / "condor_submit.log").read_text().split("---\n")[:-1]
    assert [job.split("\n")[5] for job in jobs] == ["eval=gsm8k", "eval=bfcl"]
    # Whole hours, and the agent's model as it was typed.
    for words in (
        "num_hours=2",
        "model_to_train=Qwen/Qwen3-4B-Base",
        f"agent_config={PTB['agent_model']}",
    ):
        assert all(words in job.split("\n") for job in jobs)
    (checkout / "src/eval/tasks/bfcl/evaluate.py").unlink()
    refused = subprocess.run(command, env=there, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "has no evaluation bfcl" in refused.stderr


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"agent": "recipe", "network": "off", "agent_model": None}, "has no 'recipe'"),
        ({"agent_model": None}, "wants it named"),
        ({"benchmarks": ["gsm8k", "kinship"]}, "has no 'kinship'"),
    ],
)
def test_what_posttrainbench_has_no_name_for(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(PtbLiteError, match=says):
        export_choices(chosen(tmp_path, **{**PTB, **change}), "posttrainbench", tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_nothing_is_overwritten_and_no_name_is_guessed(tmp_path: Path) -> None:
    found = chosen(tmp_path)
    (tmp_path / "out").mkdir()
    for to, says in (("slurm", "is there already"), ("pbs", "Known: archive, slurm")):
        with pytest.raises(PtbLiteError, match=says):
            export_choices(found, to, tmp_path / "out")
    with pytest.raises(PtbLiteError, match="no run and no preset 'absent'"):
        read_chosen("absent", tmp_path / "runs", load_catalog())
    assert set(FORMATS) == {"slurm", "htcondor", "harbor", "posttrainbench"}


def test_harbors_reward_is_the_raw_score_with_the_verdict_beside_it(tmp_path: Path) -> None:
    export_choices(chosen(tmp_path), "harbor", tmp_path / "out")
    script, logs = tmp_path / "out" / "tests" / "reward.py", tmp_path / "logs"
    logs.mkdir()

    def reward() -> dict[str, float]:
        subprocess.run([sys.executable, script, logs], check=True, capture_output=True)
        found: dict[str, float] = json.loads((logs / "reward.json").read_text())
        return found

    assert reward() == {"reward": 0.0, "flagged": -1}
    results = {"results": [{"benchmark": "add-numbers", "score": 0.25}]}
    (logs / "scores.json").write_text(json.dumps(results))
    (logs / "audit.json").write_text('{"verdict": "flagged"}')
    assert reward() == {"reward": 0.25, "add-numbers": 0.25, "flagged": 1}

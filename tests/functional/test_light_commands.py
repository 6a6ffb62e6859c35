"""What audits, shows and replays works without torch, as where the extra `run` is not there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ptb_lite

ROOT = Path(__file__).parents[2]
RECORDED = Path(ptb_lite.__file__).parent / "runner" / "console" / "recorded" / "demo"
# In a sitecustomize, so that the audit's workers and every other child lack them as well.
BLOCK = """
import importlib.metadata as m, sys
AWAY = {"torch", "transformers", "lm_eval", "datasets", "peft", "trl", "safetensors",
        "bitsandbytes", "gguf", "accelerate", "tokenizers"}
class Away:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in AWAY:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Away())
found = m.Distribution.from_name.__func__
def from_name(cls, name):
    if name.replace("-", "_") in AWAY:
        raise m.PackageNotFoundError(name)
    return found(cls, name)
m.Distribution.from_name = classmethod(from_name)
"""


@pytest.fixture
def light(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    shutil.copytree(RECORDED, tmp_path / "runs" / "20261123-153201-3cc1")
    return {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "PTB_LITE_CONFIG": str(tmp_path / "none"),
        "PTB_LITE_RUNS": str(tmp_path / "runs"),
        "PTB_LITE_CACHE": str(tmp_path / "cache"),
    }


def _run(light: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ptb_lite", *words],
        env=light,
        cwd=light["PTB_LITE_RUNS"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("replay", "demo", "--plain", "--speed", "10000"),
        ("show", "last"),
        ("report", "last"),
        ("ls",),
        ("list", "models"),
    ],
    ids=lambda words: words[0],
)
def test_commands_that_read(light: dict[str, str], words: tuple[str, ...]) -> None:
    done = _run(light, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_score_grades_completions(light: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "gsm8k").mkdir()
    row = {"question": "How many are one and two?", "answer": "1 + 2 = 3\n#### 3"}
    for name in ("test", "train"):
        (tmp_path / "gsm8k" / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "mine.jsonl").write_text(json.dumps({"id": 0, "completion": "#### 3"}) + "\n")
    words = ("score", str(tmp_path / "mine.jsonl"), "--benchmark", "gsm8k")
    done = _run(light, *words, "--data-dir", str(tmp_path), "--json")
    assert "Traceback" not in done.stderr
    # One row is not GSM8K, which is said; what matters is that the data was read and judged.
    assert done.returncode == 0 or "1319" in done.stderr, done.stderr


def test_audit_finds_a_test_item(light: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "gsm8k").mkdir()
    rows = [
        {
            "question": f"Orla packs {n + 13} marbles into {n + 3} crates on day {n} and lends "
            f"{n + 2} of them to a neighbour before supper. How many are left in all?",
            "answer": "#### 11",
        }
        for n in range(30)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "gsm8k" / "test.jsonl").write_text(text)
    (tmp_path / "gsm8k" / "train.jsonl").write_text(text)
    (tmp_path / "work" / "task").mkdir(parents=True)
    (tmp_path / "work" / "task" / "train_data.jsonl").write_text(text)
    words = ("audit", str(tmp_path / "work"), "--benchmark", "gsm8k", "--data-dir", str(tmp_path))
    done = _run(light, *words, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (3, 4), done.stdout + done.stderr
    assert "test-item" in done.stdout


def test_doctor_and_run_say_what_is_missing(light: dict[str, str]) -> None:
    doctor = _run(light, "doctor", "--json")
    found = {check["name"]: check for check in json.loads(doctor.stdout)}
    assert found["packages"]["status"] == "ok"
    assert found["packages for runs"]["status"] == "fail"
    assert "torch" in found["packages for runs"]["message"]
    for words in (("run", "--preset", "offline-demo"), ("eval", "x", "--benchmark", "gsm8k")):
        done = _run(light, *words)
        assert done.returncode == 2
        assert "packages: torch, transformers" in done.stderr
        assert "Traceback" not in done.stderr

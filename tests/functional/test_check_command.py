"""`ptb-lite check`: the verdict of the seal, in a workspace and anywhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.cli import main
from tests.functional.runner.conftest import SUBMIT
from tests.functional.tiny_models import tiny_gemma3
from tests.unit.workspace.test_prompt import task


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gemma3(tmp_path_factory.mktemp("base"), hidden=32)


@pytest.fixture
def workspace(tmp_path: Path, base: Path) -> Path:
    made = task("sums").model_copy(
        update={"base_model": str(base), "base_names": ("tiny", str(base))}
    )
    (tmp_path / "task.json").write_text(made.model_dump_json())
    subprocess.run(
        [sys.executable, "-c", f"{SUBMIT}\nsubmit()"], cwd=tmp_path, env=os.environ, check=True
    )
    return tmp_path


def check(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["check", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_check_says_what_the_seal_would(
    workspace: Path, base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace / "final_model"
    (folder / "train.py").write_text("import os")
    monkeypatch.chdir(workspace)
    assert check("final_model") == 0
    assert "left out: train.py" in capsys.readouterr().out
    monkeypatch.chdir("/")
    assert check(folder, "--base-model", base, "--json") == 0
    assert json.loads(capsys.readouterr().out)["valid"]
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(
        json.dumps({**config, "base_model_name_or_path": "./stage-1"})
    )
    assert check(folder) == 1
    assert "wrong base: the adapter's base is './stage-1'" in capsys.readouterr().out
    assert check(base, "--base-model", base) == 1
    assert "--submission full" in capsys.readouterr().out


def test_without_a_base_model_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert check(tmp_path) == 2

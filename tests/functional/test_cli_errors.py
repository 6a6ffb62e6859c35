"""Bad input, given to the real command: one sentence, exit 2, nothing started, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ptb_lite.cli import main

ROOT = Path(__file__).parents[2]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
DEMO = ("run", "--preset", "offline-demo")
EVAL = ("eval", "gemma-3-270m-embedded", "--benchmark", "add-numbers")


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `ptb-lite` with every folder of its own under tmp_path."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PTB_LITE_CONFIG": str(tmp_path / "config"),
        "PTB_LITE_STATE": str(tmp_path / "state"),
        "PTB_LITE_RUNS": str(tmp_path / "runs"),
        "HF_HOME": str(tmp_path / "hub"),
    }
    environment.pop("HF_TOKEN", None)

    def call(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ptb_lite", *arguments],
            cwd=tmp_path,
            env={**environment, **extra},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """The same in this process: the tests that use `cli` show that a process says as much."""
    for name in ("config", "state", "runs"):
        monkeypatch.setenv(f"PTB_LITE_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        said = capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess([*arguments], code, said.out, said.err)

    return call


def assert_refused(done: subprocess.CompletedProcess[str], tmp_path: Path, *parts: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert "Traceback" not in done.stderr
    fields = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert len(fields) == len(set(fields)), done.stderr
    for part in parts:
        assert part in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("run", "--preset", "offlin-demo"), ("preset: ", "Did you mean 'offline-demo'?")),
        ((*DEMO, "--model", "qwen3-06b-base"), ("model: ", "Did you mean 'qwen3-0.6b-base'?")),
        ((*DEMO, "--agent", "recipee"), ("agent: ", "Did you mean 'recipe'?")),
        ((*DEMO, "--benchmark", "add-number"), ("benchmark: ", "Did you mean 'add-numbers'?")),
        ((*DEMO, "--also", "non"), ("also: ", "Did you mean 'none'?")),
        ((*DEMO, "--sandbox", "podmn"), ("sandbox: ", "Did you mean 'podman'?")),
        ((*DEMO, "--on", "slrum"), ("on: ", "Did you mean 'slurm'?")),
        (("experiment", "disclosure-dem"), ("experiment ", "Did you mean 'disclosure-demo'?")),
        ((*DEMO, "--minutes", "0"), ("budget: ", "7 days")),
        ((*DEMO, "--minutes", "-5"), ("budget: ", "7 days")),
        ((*DEMO, "--hours", "168.5"), ("budget: ", "7 days")),
        ((*DEMO, "--hours", "nan"), ("hours: ",)),
        ((*DEMO, "--minutes", "inf"), ("minutes: ",)),
        ((*DEMO, "--minutes", "soon"), ("--minutes",)),
        ((*DEMO, "--hours", "1", "--minutes", "1"), ("budget: ", "both")),
        ((*DEMO, "--limit", "1000000"), ("limit: ", "or less")),
        ((*DEMO, "--limit", "0"), ("limit: ",)),
        ((*DEMO, "--limit", "abc"), ("'--limit': it should be a valid integer. `ptb-lite run",)),
        ((*DEMO, "--seed", "-1"), ("seed: ",)),
        ((*DEMO, "--policy", "harsh"), ("--policy", "'reset'")),
        ((*DEMO, "--model", "smollm2-135m-instruct-embedded"), ("model: ", "comparison")),
        (("run",), ("benchmark: ", "--preset")),
        (("run", "--benchmark", "add-numbers"), ("budget: ", "--minutes")),
        (("run", "--frobnicate"), ("No such option",)),
        (("frobnicate",), ("No such command",)),
        (("rnu",), ("Did you mean 'run'? `ptb-lite --help`",)),
        (("show", "20200101-000000-abcd"), ("run: ", "ptb-lite ls")),
        (("attach", "nope"), ("run: ", "ptb-lite ls")),
        (("resume", "nope"), ("run: ", "ptb-lite ls")),
        (("stop", "nope"), ("run: ", "ptb-lite ls")),
        (("report", "nope"), ("run: ", "ptb-lite ls")),
        (("show", "../../etc"), ("run: ",)),
        (("audit", "nope"), ("run: ", "ptb-lite ls")),
        (("eval", "gemma-3-270m-embeded", "--benchmark", "add-numbers"), ("model: ", "Did you")),
        (("eval", "gemma-3-270m-embedded"), ("--benchmark",)),
        ((*EVAL, "--limit", "0"), ("limit: ",)),
        ((*EVAL, "--limit", "999999"), ("limit: ",)),
        ((*EVAL, "--shots", "-1"), ("shots: ",)),
        ((*EVAL, "--seed", "-1"), ("seed: ",)),
        ((*EVAL, "--adapter", "/nonexistent"), ("adapter: ", "adapter_config.json")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_bad_input(
    here: Cli, tmp_path: Path, arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    assert_refused(here(*arguments), tmp_path, *parts)


def test_malformed_preset_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("title: Mine\nbenchmarks: [add-numbers\nlimit: 3\n")
    done = cli("run", "--preset", "mine.yaml")
    assert_refused(done, tmp_path, "mine.yaml, line 3", "malformed YAML")


def test_runs_folder_that_cannot_be_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = cli(*DEMO, "--runs-dir", "file/runs")
    assert_refused(done, tmp_path, "runs-dir: ", "--runs-dir")
    assert (tmp_path / "file").read_text() == "in the way"
    assert_refused(cli(*DEMO, "--runs-dir", "/proc/runs"), tmp_path, "runs-dir: ")


def test_missing_sandbox_program(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = cli(*DEMO, PATH=str(tmp_path / "empty"))
    assert_refused(done, tmp_path, "sandbox: ", "bubblewrap", "--sandbox none")


def test_hub_model_without_network(cli: Cli, tmp_path: Path) -> None:
    # A port of this machine on which nothing listens: refused at once, on every machine.
    done = cli(
        *DEMO, "--model", "smollm2-135m", "--device", "cpu", HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert_refused(done, tmp_path, "model: ", "cannot be reached")


def test_hub_model_while_offline(cli: Cli, tmp_path: Path) -> None:
    done = cli(*DEMO, "--model", "smollm2-135m", "--device", "cpu", HF_HUB_OFFLINE="1")
    assert_refused(done, tmp_path, "model: ", "HF_HUB_OFFLINE")


def test_gated_model_without_token(cli: Cli, tmp_path: Path) -> None:
    done = cli(*DEMO, "--model", "gemma-3-270m", "--device", "cpu")
    assert_refused(done, tmp_path, "model: ", "HF_TOKEN", "huggingface.co/google/gemma-3-270m")


def test_model_too_large_for_any_device(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "models.yaml").write_text(
        "qwen3-4b-base: {parameters: 100000000000000}\n"
    )
    done = cli(*DEMO, "--model", "qwen3-4b-base", "--device", "cpu")
    assert_refused(done, tmp_path, "model: ", "needs about", "are available")


def test_debug_shows_the_traceback(cli: Cli) -> None:
    done = cli("--debug", "run", "--preset", "nope")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "SpecError" in done.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m ptb_lite list models | head -n 1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("ID ")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr

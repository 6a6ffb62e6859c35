"""`ptb-lite-train` as a process: what it prints, what it leaves behind, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ptb_lite.training.main import main
from tests.functional.runner.waiting import slowdown

COMMAND = [sys.executable, "-m", "ptb_lite.training.main"]


def run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout * slowdown(), check=False
    )


def messages(output: str) -> list[dict[str, Any]]:
    """Every line of the output: with --json there is nothing else on standard output."""
    return [json.loads(line) for line in output.splitlines()]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_trains_and_leaves_adapters_of_safetensors_only(
    tiny_gemma: Path, sums: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    given = ("--base-model", tiny_gemma, "--data", sums, "--output", output, "--batch-size", 8)
    result = run(*given, "--steps", 30, "--save-steps", 10, "--learning-rate", 5e-3, "--json")
    assert result.returncode == 0, result.stderr
    lines = messages(result.stdout)
    steps = [line for line in lines if line["type"] == "training"]
    assert [line["step"] for line in steps] == list(range(1, 31))
    assert {"step", "steps", "loss", "learning_rate", "tokens_per_second"} <= steps[0].keys()
    assert sum(s["loss"] for s in steps[-5:]) < 0.7 * sum(s["loss"] for s in steps[:5])
    assert [line["step"] for line in lines if line["type"] == "checkpoint"] == [10, 20]
    assert lines[-1]["outcome"] == "finished"
    adapter = {"adapter_config.json", "adapter_model.safetensors"}
    assert files(output) == {"training.json", *adapter} | {
        f"checkpoint-{step}/{name}" for step in (10, 20) for name in adapter
    }
    config = json.loads((output / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_gemma)


def test_the_same_seed_gives_the_same_losses(
    tiny_gemma: Path, sums: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In one process: what the first training leaves behind must not matter either."""

    def losses(name: str, seed: int) -> list[float]:
        given = ("--base-model", tiny_gemma, "--data", sums, "--output", tmp_path / name)
        given = (*given, "--steps", 4, "--batch-size", 4, "--seed", seed, "--json")
        assert main([*map(str, given)]) == 0
        return [m["loss"] for m in messages(capfd.readouterr().out) if m["type"] == "training"]

    first = losses("a", 3)
    assert losses("b", 3) == first
    assert losses("c", 4) != first


@pytest.mark.slow  # as test_recipe_agent, where time is short
def test_the_time_limit_ends_the_run_early_and_keeps_the_adapter(
    tiny_gemma: Path, sums: Path, tmp_path: Path
) -> None:
    given = ("--base-model", tiny_gemma, "--data", sums, "--output", tmp_path / "out")
    result = run(*given, "--steps", 100_000, "--max-minutes", 0.25, "--json")
    assert result.returncode == 0, result.stderr
    said = messages(result.stdout)
    last = said[-1]
    assert last["outcome"] == "time_exceeded"
    # The rate came down with the time, not with the steps, of which hardly any were done.
    rates = [message["learning_rate"] for message in said if message["type"] == "training"]
    assert rates[-1] < 0.3 * max(rates)
    assert 1 <= last["steps"] < 100_000
    assert last["seconds"] < 25 * slowdown()
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


def test_sigterm_ends_the_run_early_and_keeps_the_adapter(
    tiny_gemma: Path, sums: Path, tmp_path: Path
) -> None:
    given = ("--base-model", tiny_gemma, "--data", sums, "--output", tmp_path / "out")
    command = [*COMMAND, *map(str, given), "--steps", "100000", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "training":
                break
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60 * slowdown())
    assert process.returncode == 0
    assert messages(rest)[-1]["outcome"] == "stopped"
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "no such file"),
        ("", "holds no example"),
        ('{"prompt": "a", "completion": "b"}\nnot json\n', "line 2 of"),
    ],
)
def test_bad_data_is_one_sentence_and_exit_code_2(
    tiny_gemma: Path,
    tmp_path: Path,
    content: str | None,
    sentence: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "data.jsonl"
    if content is not None:
        data.write_text(content)
    output = tmp_path / "out"
    given = ("--base-model", tiny_gemma, "--data", data, "--output", output)
    assert main([*map(str, given)]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: --data: ")
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert not output.exists()


def test_a_folder_that_holds_no_model_is_one_sentence(sums: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    result = run("--base-model", tmp_path, "--data", sums, "--output", tmp_path / "out")
    assert result.returncode == 2
    assert "error: --base-model: " in result.stderr
    assert "Traceback" not in result.stderr

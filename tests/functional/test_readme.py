"""Every command of the README is run, in its order, as a reader would.

A fence ```sh holds quick commands, ```sh slow those that train or evaluate. ```sh setup holds the
two scripts: `scripts/demo` is run by a slow test, after a set-up that is there already;
`scripts/test` is what runs this test in CI (`.ci/run`), so here only its text is looked at.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCES = [(lang, label, body) for lang, label, body in _FENCE.findall(README)]


def _blocks(label: str) -> list[list[str]]:
    return [
        [line for line in body.splitlines() if line.strip()]
        for lang, found, body in FENCES
        if lang == "sh" and found == label
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which `.venv/bin/ptb-lite` and `scripts/` are this checkout's."""
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    program = tmp_path / ".venv" / "bin" / "ptb-lite"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ptb_lite "$@"\n')
    program.chmod(0o755)
    return tmp_path


def _run(command: str, folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PTB_LITE_RUNS"}
    overlay = str(folder / "no-entries-of-ones-own")
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "PTB_LITE_CONFIG": overlay},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_every_fence_is_one_that_is_tested() -> None:
    assert {(lang, label) for lang, label, _ in FENCES} == {
        ("sh", "setup"),
        ("sh", ""),
        ("sh", "slow"),
        ("yaml", "agents.yaml"),
        # What a run printed: nothing to run.
        ("text", "sample"),
    }


def test_the_two_commands_come_first() -> None:
    assert FENCES[0] == ("sh", "setup", "scripts/demo\nscripts/test\n")
    for name in ("demo", "test"):
        script = ROOT / "scripts" / name
        assert os.access(script, os.X_OK)
        assert "scripts/setup" in script.read_text()
    assert "run --preset offline-demo" in (ROOT / "scripts" / "demo").read_text()


@pytest.mark.parametrize("command", [line for block in _blocks("") for line in block])
def test_quick_commands(command: str, home: Path) -> None:
    done = _run(command, home, 120)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("block", _blocks("slow"), ids=lambda block: block[0].split()[1])
def test_slow_commands(block: list[str], home: Path) -> None:
    for command in block:
        done = _run(command, home, 900)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo(tmp_path: Path) -> None:
    done = _run(f"scripts/demo --json --runs-dir '{tmp_path}/runs'", ROOT, 1500)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)
    assert scores["verdict"] == "clean"
    assert scores["submission_valid"]


def test_the_yaml_is_a_catalogue_of_ones_own(tmp_path: Path) -> None:
    for lang, label, body in FENCES:
        if lang == "yaml":
            (tmp_path / label).write_text(body)
    assert "my-script" in load_catalog(tmp_path).agents


def test_exit_codes_are_those_of_help(home: Path) -> None:
    words = " ".join(_run(".venv/bin/ptb-lite --help", home, 60).stdout.split())
    stated = words.partition("Exit codes: ")[2].rstrip(".").split(", ")
    rows = dict(re.findall(r"^\| (\d) \| (.*) \|$", README, re.MULTILINE))
    for entry in stated:
        code, _, meaning = entry.partition(" ")
        assert meaning.split()[-1] in rows[code] or meaning.split()[0] in rows[code]

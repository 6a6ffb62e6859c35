"""Every command of the README and of the tutorial is run, in its order, as a reader would.

A fence ```sh holds quick commands, ```sh slow those that train or evaluate. ```sh setup holds the
two scripts: `scripts/demo` is run by a slow test, after a set-up that is there already;
`scripts/test` is what runs this test in CI (`.ci/run`), so here only its text is looked at. A fence
```console needs an account, an index or a GPU; ```yaml NAME is a file of a person's own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.items.splits import draw_splits

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/tutorial.md")
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
ALL = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
}
_FENCE = re.compile(r"^```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCES = [fence for text in TEXTS.values() for fence in _FENCE.findall(text)]
YAML = [
    (label, body)
    for text in ALL.values()
    for lang, label, body in _FENCE.findall(text)
    if lang == "yaml" and label
]


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
    for label, body in YAML:
        (tmp_path / label).write_text(body)
    return tmp_path


def _run(command: str, folder: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PTB_LITE_RUNS"}
    overlay = str(folder / "no-entries-of-ones-own")
    path = f"{folder / '.venv' / 'bin'}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment, "PATH": path, "PYTHONPATH": str(ROOT), "PTB_LITE_CONFIG": overlay},
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
        ("console", ""),
        ("yaml", "tutorial.yaml"),
        # What a run printed: nothing to run.
        ("text", "sample"),
    }
    assert len(TEXTS["README.md"].splitlines()) < 150


@pytest.mark.parametrize("page", ALL)
def test_no_fence_is_overlooked(page: str) -> None:
    """One that is indented, of other marks or with more words would be run by nothing."""
    marks = re.findall(r"^[ \t>*-]*(?:```|~~~)[^`]*$", ALL[page], re.MULTILINE)
    assert len(marks) == 2 * len(_FENCE.findall(ALL[page]))


def _anchor(title: str) -> str:
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title.lower())).strip("-")


def test_every_link_leads_somewhere() -> None:
    """Those of the README and the pages, also where no site can be built; anchors too."""
    for page, text in ALL.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", _FENCE.sub("", text)):
            if target.startswith(("http://", "https://")):
                continue
            name, _, anchor = target.partition("#")
            path = (ROOT / page).parent / name if name else ROOT / page
            assert path.exists(), f"{page}: {target}"
            if anchor:
                titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in map(_anchor, titles), f"{page}: {target}"


def _named_commands() -> list[tuple[str, str]]:
    """Page and line of each command that nothing runs here: in ```console and between backticks."""
    found = []
    for page, text in ALL.items():
        for lang, _, body in _FENCE.findall(text):
            lines = body.replace("\\\n", " ").splitlines()
            if lang == "console":
                found += [(page, line[2:]) for line in lines if line.startswith("$ ")]
            elif lang == "sh" and page not in PAGES:
                found += [(page, line) for line in lines]
        prose = _FENCE.sub("", text)
        found += [(page, line) for line in re.findall(r"`((?:ptb-lite |scripts/)[^`\n]*)`", prose)]
    return found


_OTHERS = {"mkdir", "python3", "pip", "uv", "uvx", "npm", "sudo"}


def test_every_option_and_command_that_is_named_exists(home: Path) -> None:
    """Each option is one of that command; each script and each extra is there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"ptb-lite\[([\w,]+)\]", "".join(ALL.values())):
        assert {*extras.split(",")} <= {*project["optional-dependencies"]}
    helps: dict[str, str] = {}
    for page, line in _named_commands():
        where = f"{page}: {line}"
        program, _, rest = line.partition(" ")
        name = program.rpartition("/")[2]
        if program.startswith("scripts/"):
            assert (ROOT / program).is_file(), where
        assert program.startswith("scripts/") or name in {*project["scripts"], *_OTHERS}, where
        if name != "ptb-lite":
            continue
        command = re.match(r"(?:list [a-z]+|[a-z]*)", rest)[0]  # type: ignore[index]
        if command not in helps:
            done = _run(f".venv/bin/ptb-lite {command} --help", home, 120)
            assert done.returncode == 0, where
            helps[command] = done.stdout
        for option in re.findall(r"(?<=[\s\[])--[\w-]+", " " + rest):
            assert option in helps[command], where


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
@pytest.mark.parametrize(
    "block", _blocks("slow"), ids=lambda block: "-".join(block[0].split()[1:4])
)
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
    for label, body in YAML:
        (tmp_path / label).write_text(body)
    catalog = load_catalog(tmp_path)
    assert "my-script" in catalog.agents
    assert "short-sums" in catalog.benchmarks
    assert catalog.models["qwen3-0.6b-base"].revision
    assert draw_splits(catalog.benchmarks["short-sums"], seed=0, salt="s")["test"]


def test_exit_codes_are_those_of_help(home: Path) -> None:
    words = " ".join(_run(".venv/bin/ptb-lite --help", home, 60).stdout.split())
    stated = words.partition("Exit codes: ")[2].rstrip(".").split(", ")
    text = ALL["docs/reference/files.md"]
    rows = dict(re.findall(r"^\| (\d) \| (.*) \|$", text, re.MULTILINE))
    for entry in stated:
        code, _, meaning = entry.partition(" ")
        assert meaning.split()[-1] in rows[code] or meaning.split()[0] in rows[code]

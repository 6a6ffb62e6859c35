"""The wheel that a person installs: presets, data files and entry points are in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHOUT_CODE = {".md", ".pyc"}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=240)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_file_of_the_package_and_every_preset_is_in_it(unpacked: Path) -> None:
    wanted = {
        path.relative_to(ROOT)
        for path in (ROOT / "ptb_lite").rglob("*")
        if path.is_file() and path.suffix not in WITHOUT_CODE
    }
    presets = (path for path in (ROOT / "presets").rglob("*") if path.is_file())
    wanted |= {Path("ptb_lite") / path.relative_to(ROOT) for path in presets}
    there = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    assert wanted - there == set()


def test_its_presets_are_found_there(unpacked: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "import json, ptb_lite\nfrom ptb_lite.spec.presets import load_presets\n"
        "print(json.dumps([ptb_lite.__file__, sorted(load_presets())]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=unpacked,
        env={**os.environ, "PTB_LITE_CONFIG": str(unpacked / "none")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    place, presets = json.loads(done.stdout)
    assert Path(place).is_relative_to(unpacked)
    assert presets == sorted(path.stem for path in (ROOT / "presets").glob("*.yaml"))


def test_its_entry_points_are_those_of_the_project(unpacked: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (info,) = unpacked.glob("*.dist-info")
    found: dict[str, dict[str, str]] = {}
    for point in PathDistribution(info).entry_points:
        found.setdefault(point.group, {})[point.name] = point.value
    assert found.pop("console_scripts") == project["scripts"]
    assert found == project["entry-points"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_main_job_runs_from_the_installed_wheel() -> None:
    """sdist and wheel, a fresh environment, an empty folder, a conversion of its own."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "test-wheel"), sys.executable, "--minutes", "1", "--limit", "20"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "converting GGUF" in done.stdout
    assert "run finished" in done.stdout

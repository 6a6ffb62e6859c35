"""The site builds strictly, and its reference pages are what the code says."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def test_reference_pages_are_those_of_the_code() -> None:
    """Written by scripts/docs."""
    pages = run_path(str(ROOT / "scripts" / "reference.py"))["PAGES"]
    for name, page in pages.items():
        text = (REFERENCE / name).read_text(encoding="utf-8")
        assert text == page().rstrip("\n") + "\n", f"run scripts/docs: {name} is not up to date"


def test_every_event_is_told_in_words() -> None:
    text = (REFERENCE / "events.md").read_text(encoding="utf-8")
    assert "## preparation_progressed" in text
    assert "## Flag" in text


@pytest.mark.skipif(find_spec("material") is None, reason="mkdocs-material is not installed")
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "howto" / "own" / "index.html").is_file()

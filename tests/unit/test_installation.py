from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.errors import SpecError
from ptb_lite.hardware.device import gpu_build_hint
from ptb_lite.hardware.rate import core_rate
from ptb_lite.installation import (
    item_salt,
    package_versions,
    state_root,
    way_to_download,
    way_to_install,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    salt = item_salt()
    assert re.fullmatch("[0-9a-f]{64}", salt)
    assert item_salt() == salt
    file = tmp_path / "state" / "item-salt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["item-salt"]


def test_another_installation_has_another_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = item_salt()
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "other"))
    assert item_salt() != first


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    program = "from ptb_lite.installation import item_salt; print(item_salt())"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PTB_LITE_STATE": str(tmp_path / "race"), "PATH": ""},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    salts = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(salts) == 1
    assert re.fullmatch("[0-9a-f]{64}", salts.pop())


@pytest.mark.parametrize("content", ["", "short", "g" * 64, "a" * 65])
def test_a_damaged_secret_is_refused_not_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state" / "item-salt"
    file.parent.mkdir()
    file.write_text(content)
    with pytest.raises(SpecError, match="Delete the file"):
        item_salt()
    assert file.read_text() == content


def test_a_state_folder_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "file" / "state"))
    with pytest.raises(SpecError, match="PTB_LITE_STATE"):
        item_salt()


def test_state_root_defaults_to_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PTB_LITE_STATE")
    monkeypatch.setenv("HOME", "/home/someone")
    assert state_root() == Path("/home/someone/.local/share/ptb-lite")


def test_versions_are_those_installed() -> None:
    versions = package_versions()
    assert versions["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert all(re.match(r"\d", version) for version in versions.values())


@pytest.mark.parametrize(
    ("mark", "pip", "begins"),
    [
        ("checkout", True, "scripts/setup"),
        ("", True, f"{sys.executable} -m pip "),
        ("", False, "uv pip install --python"),
        ("uv-receipt.toml", False, "uv tool install "),
        ("CACHEDIR.TAG", False, "uv pip install --python"),
        ("../../CACHEDIR.TAG", False, "uvx "),
    ],
)
def test_hints_name_what_such_an_installation_has(
    mark: str, pip: bool, begins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No script where there is no checkout, no pip where there is none."""
    if mark != "checkout":
        for module in ("installation", "hardware.device"):
            monkeypatch.setattr(f"ptb_lite.{module}.checkout", lambda: None)
        prefix = tmp_path / "archive-v0" / "a1"
        prefix.mkdir(parents=True)
        monkeypatch.setattr(sys, "prefix", str(prefix))
        (prefix / (mark or "pyvenv.cfg")).touch()
    monkeypatch.setattr("ptb_lite.installation.find_spec", {"pip": pip or None}.get)
    for way in (way_to_install(), way_to_install("submitit"), way_to_install(cpu=True)):
        assert way.startswith(begins)
    assert ("--compile-bytecode --torch-backend cpu" in way) == (mark != "checkout")
    assert begins.split(" install")[0] in gpu_build_hint()
    assert ("--reinstall" in gpu_build_hint()) == begins.startswith("uv")
    download = way_to_download("a==1", tmp_path)
    assert download.startswith(begins if pip else "uvx pip ")


def test_a_process_of_ours_takes_nothing_from_the_folder_it_is_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ptb-lite doctor` in a stranger's folder must not run its numpy.py."""
    monkeypatch.chdir(tmp_path)
    stranger = f"open({str(tmp_path / 'ran')!r}, 'w')"
    for name in ("numpy.py", "json.py", "ptb_lite.py"):
        (tmp_path / name).write_text(f"{stranger}\nraise SystemExit(1)\n")
    assert core_rate()
    assert not (tmp_path / "ran").exists()
    subprocess.run([sys.executable, "-m", "json"], cwd=tmp_path, check=False)
    assert (tmp_path / "ran").exists(), "this test would not notice"

"""Files in an agent's folder are reached without following its links."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ptb_lite.agents.secrets.unlinked_files import read_beneath, remove_beneath, write_beneath


def test_a_file_is_written_for_one_person_read_and_removed(tmp_path: Path) -> None:
    write_beneath(tmp_path, ".home/.codex/auth.json", "content")
    path = tmp_path / ".home/.codex/auth.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_beneath(tmp_path, ".home/.codex/auth.json", 4) == "cont"
    with pytest.raises(FileExistsError):
        write_beneath(tmp_path, ".home/.codex/auth.json", "other")
    remove_beneath(tmp_path, ".home/.codex/auth.json")
    assert not path.exists()


@pytest.mark.parametrize("linked", [".home", ".home/.codex", ".home/.codex/auth.json"])
def test_no_link_is_followed(tmp_path: Path, linked: str) -> None:
    outside = tmp_path / "outside"
    rest = Path(".home/.codex/auth.json").relative_to(linked)
    target = outside / rest if str(rest) != "." else outside
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("a person's own")
    root = tmp_path / "root"
    (root / linked).parent.mkdir(parents=True)
    (root / linked).symlink_to(outside)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels|directory"):
        read_beneath(root, ".home/.codex/auth.json", 100)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels|File exists"):
        write_beneath(root, ".home/.codex/auth.json", "x")
    try:
        remove_beneath(root, ".home/.codex/auth.json")
    except OSError:
        assert linked != ".home/.codex/auth.json"
    assert target.read_text() == "a person's own"

"""Permissions that an agent took away."""

from __future__ import annotations

from pathlib import Path

from ptb_lite.runner.permissions import put_back


def test_what_was_locked_can_be_read_again(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o000)
    work = tmp_path / "work"
    inner = work / "a" / "final_model"
    inner.mkdir(parents=True)
    (inner / "weights").write_text("x")
    (work / "plain").write_text("x")
    (work / "link").symlink_to(outside)
    (inner / "weights").chmod(0o000)
    for folder in (inner, inner.parent, work):
        folder.chmod(0o000)
    assert put_back(work) == 4
    assert (inner / "weights").read_text() == "x"
    assert [f.stat().st_mode & 0o700 for f in (work, inner.parent, inner)] == [0o700] * 3
    # A link leads nowhere, and nothing is changed twice.
    assert outside.stat().st_mode & 0o777 == 0
    assert put_back(work) == 0

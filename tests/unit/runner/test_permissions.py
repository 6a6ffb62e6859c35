"""Permissions that an agent took away, seen by root and by a person without rights."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ptb_lite.runner import permissions
from ptb_lite.runner.permissions import put_back
from ptb_lite.runs.folder import RunFolder

NOBODY = 65534


def locked_workspace(tmp_path: Path) -> Path:
    """chmod 000 of the workspace, of a folder, of the submission and of a file in it."""
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
    return work


def check_put_back(work: Path) -> None:
    assert put_back(work).changed == 4
    inner = work / "a" / "final_model"
    assert (inner / "weights").read_text() == "x"
    assert [f.stat().st_mode & 0o700 for f in (work, inner.parent, inner)] == [0o700] * 3
    # A link leads nowhere, and nothing is changed twice.
    assert (work.parent / "outside").stat().st_mode & 0o777 == 0
    assert put_back(work).changed == 0


def as_nobody(folder: Path, act: Callable[[], None]) -> None:
    """`act` in a process without rights that owns `folder`."""
    if os.geteuid() != 0:
        act()
        return
    for path in (*folder.parents, folder):
        if path.stat().st_uid == 0 and "pytest" in str(path):
            path.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            act()
            status = 0
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_was_locked_can_be_read_again(tmp_path: Path) -> None:
    check_put_back(locked_workspace(tmp_path))


def test_so_it_can_by_a_person_without_rights(tmp_path: Path) -> None:
    work = locked_workspace(tmp_path)
    as_nobody(tmp_path, lambda: check_put_back(work))


def test_a_list_that_shuts_its_owner_out_is_no_obstacle(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "weights").write_text("x")
    # acl(5) as linux/posix_acl_xattr.h stores it: user::---, user:1::rwx, group::---, mask, other.
    entries = ((1, 0, -1), (2, 7, 1), (4, 0, -1), (16, 7, -1), (32, 0, -1))
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        for path, kind in ((work / "weights", "access"), (work, "access"), (work, "default")):
            os.setxattr(path, f"system.posix_acl_{kind}", raw)
    except OSError as error:
        pytest.skip(f"no access control lists here: {error.strerror}")

    def check() -> None:
        with pytest.raises(PermissionError):
            os.listdir(work)  # noqa: PTH208
        put_back(work)
        assert (work / "weights").read_text() == "x"

    if os.geteuid() == 0:
        as_nobody(tmp_path, check)
    else:
        check()
    # Whom a person let in stays in.
    assert os.getxattr(work / "weights", "system.posix_acl_access")[12:20] == raw[12:20]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files immutable")
def test_flags_of_root_are_taken_away(tmp_path: Path) -> None:
    work = locked_workspace(tmp_path)
    weights = work / "a" / "final_model" / "weights"

    def flags(path: Path, value: int) -> None:
        handle = os.open(path, os.O_RDONLY)
        fcntl.ioctl(handle, permissions._SET_FLAGS, struct.pack("i", value))
        os.close(handle)

    try:
        for path, value in ((weights, 0x10), (weights.parent, 0x20), (work, 0x10)):
            flags(path, value)
    except OSError as error:
        pytest.skip(f"this file system has no such flags: {error.strerror}")
    try:
        check_put_back(work)
    finally:
        for path in (work, weights.parent, weights):
            flags(path, 0)


@pytest.mark.parametrize(("kind", "asked"), [("bubblewrap", 0), ("none", 3)])
def test_flags_are_asked_for_where_an_agent_could_set_them_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, asked: int
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(permissions, "_unlock", lambda path: bool(seen.append(path)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "workspace" / "a").mkdir(parents=True)
    (tmp_path / "workspace" / "a" / "b").touch(mode=0o200)
    owned = threading.Event()
    context: Any = SimpleNamespace(
        run=RunFolder(tmp_path), spec=SimpleNamespace(sandbox=kind), owned=owned
    )
    for _ in range(2):
        permissions.own_workspace(context)
        assert len(seen) == asked
    assert owned.is_set()
    assert (tmp_path / "workspace" / "a" / "b").stat().st_mode & 0o400


def test_what_takes_too_long_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert not put_back(tmp_path, until=0.0).in_time

"""Control groups of both versions, in a tree of files that looks like the kernel's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.sandbox.cgroup import Groups, make_groups


def kernel_makes(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """A new group's folder has files at once, as the kernel's have."""
    mkdir = Path.mkdir

    def make(self: Path, *args: object, **kwargs: object) -> None:
        mkdir(self, *args, **kwargs)  # type: ignore[arg-type]
        for name in ("cgroup.procs", *names):
            (self / name).touch()

    monkeypatch.setattr(Path, "mkdir", make)


def group(folder: Path, given: str) -> None:
    folder.mkdir(parents=True)
    (folder / "cgroup.subtree_control").write_text(given)


def test_version_2_takes_the_nearest_group_that_gives_its_controllers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, membership = tmp_path / "fs", tmp_path / "cgroup"
    membership.write_text("0::/user.slice/user@1000.service/app.slice/own.scope\n")
    group(root / "user.slice" / "user@1000.service", "cpu memory pids")
    group(root / "user.slice" / "user@1000.service" / "app.slice", "cpu")
    group(root / "user.slice" / "user@1000.service" / "app.slice" / "own.scope", "")
    kernel_makes(monkeypatch)
    made = make_groups("mine", memory_bytes=1000, processes=20, root=root, membership=membership)
    folder = root / "user.slice" / "user@1000.service" / "mine"
    assert made.folders == (folder,)
    assert made.held == {"memory", "pids"}
    assert made.entrances() == (folder / "cgroup.procs",)
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == "20"
    (folder / "memory.events").write_text("low 0\nmax 9\noom 3\noom_kill 2\n")
    assert made.met("memory") == 2
    assert made.met("pids") == 0


def test_version_1_has_a_group_for_each_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, membership = tmp_path / "fs", tmp_path / "cgroup"
    membership.write_text("8:pids:/\n4:memory:/a/b\n3:cpu,cpuacct:/\n0::/\n")
    for folder in (root / "pids", root / "memory" / "a" / "b"):
        folder.mkdir(parents=True)
    kernel_makes(monkeypatch)
    made = make_groups("mine", memory_bytes=5, processes=7, root=root, membership=membership)
    assert set(made.folders) == {root / "pids" / "mine", root / "memory" / "a" / "b" / "mine"}
    assert (root / "memory" / "a" / "b" / "mine" / "memory.limit_in_bytes").read_text() == "5"
    assert (root / "pids" / "mine" / "pids.max").read_text() == "7"


@pytest.mark.parametrize("content", ["", "0::/\n", "nonsense", "0::/../../etc\n"])
def test_where_nothing_is_given_nothing_is_held(tmp_path: Path, content: str) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text(content)
    (tmp_path / "fs").mkdir()
    made = make_groups(
        "mine", memory_bytes=1, processes=1, root=tmp_path / "fs", membership=membership
    )
    assert made == Groups()
    assert made.met("memory") == 0
    made.remove()
    assert not make_groups(
        "mine", memory_bytes=1, processes=1, root=tmp_path, membership=tmp_path / "absent"
    ).held

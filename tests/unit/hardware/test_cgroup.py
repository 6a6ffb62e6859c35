"""Limits of control groups, of both versions, as a container sees them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.hardware.cgroup import Limits, read_limits


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def member(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "membership"
    path.write_text(text)
    return path


def test_version_2_with_a_limit_above(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(
        root / "a",
        memory__max="1000\n",
        memory__current="700\n",
        memory__stat="anon 1\ninactive_file 200\n",
        cpu__max="150000 100000\n",
    )
    write(root / "a" / "b", memory__max="max\n", memory__current="10\n", cpu__max="max 100000\n")
    found = read_limits(member(tmp_path, "0::/a/b\n"), root)
    assert found == Limits(memory_bytes=1000, available_bytes=500, cores=1.5)


def test_version_1(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(root / "memory", memory__limit_in_bytes=str(2**63 - 4096))
    write(
        root / "memory" / "job",
        memory__limit_in_bytes="4000",
        memory__usage_in_bytes="1000",
        memory__stat="total_inactive_file 100",
    )
    write(root / "cpu" / "job", cpu__cfs_quota_us="200000", cpu__cfs_period_us="100000")
    membership = member(tmp_path, "4:memory:/job\n2:cpu,cpuacct:/job\n1:pids:/job\n")
    found = read_limits(membership, root)
    assert found == Limits(memory_bytes=4000, available_bytes=3100, cores=2.0)


def test_no_limit_and_no_files(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(root, memory__max="max", cpu__max="max 100000")
    assert read_limits(member(tmp_path, "0::/gone\n"), root) == Limits()
    assert read_limits(tmp_path / "absent", root) == Limits()


def test_a_group_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(root, memory__max="100", memory__current="300")
    assert read_limits(member(tmp_path, "0::/"), root).available_bytes == 0


def test_a_path_cannot_climb_out(tmp_path: Path) -> None:
    root = tmp_path / "cgroup"
    write(root)
    write(tmp_path, memory__max="1")
    assert read_limits(member(tmp_path, "0::/../..\n"), root) == Limits()


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_is_survived(membership: str, limit: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "membership").write_text(membership, encoding="utf-8")
        for file in ("memory.max", "cpu.max", "memory.stat", "memory.current"):
            (folder / file).write_text(limit, encoding="utf-8")
        found = read_limits(folder / "membership", folder)
    assert found.available_bytes is None or found.available_bytes >= 0

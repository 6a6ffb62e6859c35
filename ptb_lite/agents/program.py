"""Finding a scaffold's program on this machine, and what of the machine it needs to run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_NODE_MODULES = "node_modules"
# Every sandbox shows these anyway.
_SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"))


@dataclass(frozen=True)
class Program:
    """`path` is the file itself, behind all links.

    `read_only` must be visible for it to run, and nothing beside: a folder of programs in
    somebody's home would show more than that. `folders` belong on its PATH.
    """

    path: Path
    read_only: tuple[Path, ...]
    folders: tuple[Path, ...]


def find_program(name: str) -> Program | None:
    """The program that a shell would start by that name; None where there is none."""
    found = shutil.which(name)
    if found is None:
        return None
    path = Path(found).resolve()
    node = _node() if _is_script(path) else None
    needed = [_package(path), *([node] if node is not None else [])]
    return Program(
        path=path,
        read_only=tuple(each for each in needed if not _is_system(each)),
        folders=(node.parent,) if node is not None else (),
    )


def _package(path: Path) -> Path:
    """The folder of the npm package that a file belongs to, dependencies within; or the file."""
    parts = path.parts
    if _NODE_MODULES not in parts:
        return path
    end = parts.index(_NODE_MODULES) + 2
    if parts[end - 1].startswith("@"):
        end += 1
    return Path(*parts[:end])


def _node() -> Path | None:
    found = shutil.which("node")
    return Path(found).resolve() if found is not None else None


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            first = stream.readline(200)
    except OSError:
        return False
    return first.startswith(b"#!") and b"node" in first


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(root) for root in _SYSTEM)

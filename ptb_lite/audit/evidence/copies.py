"""The evidence of a case as a folder of copies, for a judge that looks through files by itself.

Only regular files are copied, under their own names with `.txt` behind: no program takes them for
its settings or instructions (CLAUDE.md, AGENTS.md), nor for something to run. The trace has a
folder of its own, so that nothing in the workspace can stand in its place. Weights are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.digest import first_to_read
from ptb_lite.audit.evidence.folder import ScanNotes, open_regular, walk
from ptb_lite.audit.evidence.program_reader import own_files
from ptb_lite.audit.evidence.transcript import trace_files

WORKSPACE, SUBMISSION, TRACE = "workspace", "final_model", "trace"
SUFFIX = ".txt"
MAX_FILES = 5000
MAX_FILE_BYTES = 8 << 20
MAX_TRACE_FILE_BYTES = 64 << 20
MAX_BYTES = 256 << 20
_BLOCK = 1 << 20
_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".npz"}


@dataclass(frozen=True)
class Copies:
    """`lines` is the number of lines of each copy, by its name below `folder` without `.txt`."""

    folder: Path
    lines: dict[str, int]
    left_out: int
    cut: int

    def place(self, file: str, line: int) -> str | None:
        """The file of the case that a judge means by a name; None when it was not shown there."""
        given = file.strip().removeprefix(os.fspath(self.folder)).strip("/").removeprefix("./")
        # As the copy is called; or, where there is no such copy, as the file itself is.
        own = given.removesuffix(SUFFIX)
        name = own if own in self.lines else given
        return name.removeprefix(f"{WORKSPACE}/") if line <= self.lines.get(name, 0) else None

    def notes(self) -> tuple[str, ...]:
        parts = []
        if self.left_out:
            parts.append(f"{self.left_out} files had no room in what the judge could read")
        if self.cut:
            parts.append(f"of {self.cut} files the judge could read the beginning")
        return tuple(parts)

    def layout(self) -> str:
        """How the evidence lies, in words for the judge."""
        return (
            f"The evidence lies in {self.folder}, read-only; nothing else on this machine is.\n"
            f"{WORKSPACE}/ is what the agent left in its workspace (what it was handed and did not "
            f"change is not there), {TRACE}/ its raw output in order, {SUBMISSION}/ what was "
            "sealed of its submission. Weights are left out.\n"
            f"Every file has {SUFFIX} behind its own name. Read with commands (ls, cat, sed, "
            "grep, python3); name files relative to that folder and lines as `grep -n` counts "
            "them.\n"
            "Change nothing, run nothing of it, and give the JSON object as your last message."
        )


def copy_evidence(case: AuditCase, folder: Path) -> Copies:
    """Fill an empty folder. Raises OSError when it cannot be written or the case's cannot be read.

    A file that cannot be read or named there is left out and counted.
    """
    copier = _Copier(folder)
    for name, path, limit in _wanted(case):
        copier.copy(name, path, limit)
    return Copies(folder, copier.lines, copier.left_out, copier.cut)


def _wanted(case: AuditCase) -> Iterator[tuple[str, Path, int]]:
    """Name in the folder, file, and how many bytes of it; what matters most comes first."""
    if case.trace is not None:
        for name, path in trace_files(case.trace, ScanNotes(), case.without):
            yield name, path, MAX_TRACE_FILE_BYTES
    inside = case.submission is not None and case.submission.is_relative_to(case.folder)
    if case.submission is not None and not inside and case.submission.is_dir():
        for file in walk(case.submission, ScanNotes(), max_files=MAX_FILES):
            if not _is_weights(file.relative):
                yield f"{SUBMISSION}/{file.relative}", file.path, MAX_FILE_BYTES
    for file in sorted(own_files(case, ScanNotes()), key=first_to_read):
        if not _is_weights(file.relative):
            yield f"{WORKSPACE}/{file.relative}", file.path, MAX_FILE_BYTES


def _is_weights(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _WEIGHTS


class _Copier:
    def __init__(self, folder: Path) -> None:
        self.lines: dict[str, int] = {}
        self.left_out = 0
        self.cut = 0
        self._folder = folder
        self._left = MAX_BYTES

    def copy(self, name: str, source: Path, limit: int) -> None:
        if len(self.lines) >= MAX_FILES or self._left <= 0 or name in self.lines:
            self.left_out += 1
            return
        try:
            self.lines[name] = self._copy(self._folder / f"{name}{SUFFIX}", source, limit)
        except OSError:
            # Gone, not to be read, or a name too long with what was made printable in it.
            self.left_out += 1

    def _copy(self, target: Path, source: Path, limit: int) -> int:
        """The number of lines that were copied."""
        lines, last, left = 0, b"\n", min(limit, self._left)
        with open_regular(source) as stream:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as copy:
                while left and (block := stream.read(min(left, _BLOCK))):
                    copy.write(block)
                    left -= len(block)
                    self._left -= len(block)
                    lines, last = lines + block.count(b"\n"), block
            self.cut += bool(stream.read(1))
        return lines + (not last.endswith(b"\n"))

"""What a run's record of processes and files adds to the evidence: files that are gone, and who did
what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ptb_lite.audit.evidence.folder import FoundFile, printable, suffix_of
from ptb_lite.provenance import COPIES
from ptb_lite.provenance.history import FileAct, History, Program
from ptb_lite.provenance.inline import inline, is_python

GONE = "deleted"
"""The folder under which files that are gone are named."""
NOT_RECORDED = (
    "no record of which process read or wrote which file: data is followed by reading programs, "
    "commands and the trace"
)


def basis(history: History | None) -> Iterator[str]:
    """What the following of data rests on, for a detector's notes."""
    if history is None:
        yield NOT_RECORDED
        return
    yield (
        f"recorded: {len(history.programs)} programs, {len(history.acts)} acts on files, "
        f"{history.calls} calls"
    )
    for problem in history.problems[:5]:
        yield printable(f"the record is not whole: {problem}", 300)


def removed_files(
    record: Path, history: History, present: Iterable[tuple[str, Path]]
) -> Iterator[FoundFile]:
    """The kept copies of what was removed or overwritten, under their old names below `deleted/`.
    `present` are the workspace's files by name: what lies there unchanged is left out."""
    here = dict(present)
    names: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for act in _gone(history):
        # A text is a program by its ending alone: it may have been kept under another, too.
        content = (act.sha256, suffix_of(act.path))
        if content in seen or (act.act == "read" and act.path in here):
            continue
        seen.add(content)
        path = record / COPIES / act.sha256
        try:
            found = path.lstat()
        except OSError:
            continue
        number = names[act.path] = names.get(act.path, 0) + 1
        folder = GONE if number == 1 else f"{GONE}/{number}"
        relative = f"{folder}/{printable(act.path.lstrip('/'))}"
        yield FoundFile(path, relative, found.st_size, min(found.st_size, found.st_blocks * 512))


def _gone(history: History) -> Iterator[FileAct]:
    yield from history.lost()
    for program in history.programs.values():
        given = inline(program.command)
        # By its program's name: what reads it knows programs by their endings.
        ending = ".py" if is_python(program.command) else ".sh"
        path = f"{'inline' if given.text else 'stdin'}-{program.pid}{ending}"
        texts = [program.text] if program.text else []
        if given.stdin and not texts:
            texts = _piped(history, program)
        for text in texts:
            yield FileAct(program.at, "read", program.entry, path, "", text, kept=True)


def _piped(history: History, program: Program) -> list[str]:
    """The hashes of the files that were read by what writes into a program's standard input."""
    if not program.stdin.startswith("pipe:"):
        return []
    writers = {one.entry for one in history.programs.values() if one.stdout == program.stdin}
    return [a.sha256 for a in history.acts if a.act == "read" and a.entry in writers and a.sha256]


def changed_meanwhile(history: History, expected: Mapping[str, str]) -> Iterator[FileAct]:
    """Where a handed-over file (name to SHA-256) was found with other content than it was given,
    once each: what it was when a program read, changed or removed it."""
    told: set[str] = set()
    for act in history.acts:
        given = expected.get(act.path)
        if given and act.sha256 and act.sha256 != given and act.path not in told:
            told.add(act.path)
            yield act


def writer_of(history: History, path: str) -> str:
    """Which process wrote a file last, in words; empty: none was seen."""
    for act in reversed(history.acts):
        wrote = act.act in ("write", "append") and act.path == path
        if wrote or (act.act in ("rename", "link") and act.to == path):
            program = history.programs[act.entry]
            return printable(f"process {program.pid} ({program.words()})", 300)
    return ""

"""What each training was given, and where that came from: a record's history for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ptb_lite.provenance.history import FileAct, History, Program

MAX_TRAININGS = 8
_MAX_FILES, _MAX_READ = 6, 4
_DATA = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".gz", ".zip")
_NO_DATA = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
            "generation_config.json", "task.json", "adapter_config.json")  # fmt: skip


@dataclass(frozen=True)
class Given:
    """A data file that a program read: which program wrote it last before (None: none was seen),
    and what that had read."""

    path: str
    writer: Program | None = None
    made_of: tuple[str, ...] = ()

    def words(self) -> str:
        """In one line."""
        if self.writer is None:
            return self.path
        who = f"process {self.writer.pid} ({self.writer.words(80)})"
        read = f", which read {', '.join(self.made_of)}" if self.made_of else ""
        return f"{self.path}, written by {who}{read}"


@dataclass(frozen=True)
class Training:
    """A program that trained, and the data files that it was given."""

    program: Program
    given: tuple[Given, ...]

    def words(self) -> str:
        """In one line."""
        said = "; ".join(each.words() for each in self.given) or "no data file that was recorded"
        return f"process {self.program.pid} ({self.program.words()}) read {said}"


def trainings(history: History) -> tuple[Training, ...]:
    """The first programs that trained, in the order of time."""
    found = sorted(history.trainings())
    programs = (history.programs[entry] for entry in found)
    return tuple(
        Training(program, tuple(_given(history, program))[:_MAX_FILES]) for program in programs
    )[:MAX_TRAININGS]


def summary(history: History) -> str:
    """How much was recorded, in one line."""
    gone = sum(1 for _ in history.lost())
    return (
        f"{len(history.programs)} programs, {len(history.acts)} acts on files, {gone} copies of "
        f"what is gone; {history.calls} calls took {history.cpu_seconds:.1f} s of CPU time"
    )


def _given(history: History, program: Program) -> Iterator[Given]:
    seen = set()
    for act in history.read_by(program.entry):
        if not _is_data(act.path) or act.path in seen:
            continue
        seen.add(act.path)
        writer = _writer(history, act)
        read = history.read_by(writer.entry) if writer else ()
        made_of = dict.fromkeys(one.path for one in read if _is_data(one.path))
        yield Given(act.path, writer, tuple(made_of)[:_MAX_READ])


def _is_data(path: str) -> bool:
    return path.endswith(_DATA) and not path.endswith(_NO_DATA)


def _writer(history: History, read: FileAct) -> Program | None:
    """What wrote a file before it was read, by its name or, where it was moved, by its inode."""
    name, found = read.path, None
    for act in history.acts:
        if act.at > read.at:
            break
        if act.act in ("write", "append") and act.path == name:
            found = history.programs[act.entry]
        elif act.act in ("rename", "link") and act.to == name:
            found = _writer_of_moved(history, act) or history.programs[act.entry]
    # A shell opens the file for the program that fills it, or becomes that program.
    filled = [one for one in history.programs.values() if one.stdout == name and one.at <= read.at]
    return filled[-1] if filled else _became(history, found) if found else None


def _writer_of_moved(history: History, moved: FileAct) -> Program | None:
    wrote = (
        history.programs[act.entry]
        for act in history.acts
        if act.at <= moved.at and act.act in ("write", "append") and act.path == moved.path
    )
    return next(wrote, None)


def _became(history: History, program: Program) -> Program:
    after = (one for one in history.programs.values() if one.before == program.entry)
    return next(after, program)

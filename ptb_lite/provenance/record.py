"""The lines of a record as they are on disk, `record.jsonl`, and their reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ptb_lite.provenance import RECORD
from ptb_lite.provenance.observer import MAX_BYTES
from ptb_lite.record import Record

Act = Literal["read", "write", "append", "replace", "rename", "link", "delete"]
"""`replace` is of a file that another was renamed over. `write` cuts it, or changes it in place."""
_MAX_LINE = 1 << 20


class Began(Record):
    """One sandbox was started; `at` is in seconds since the epoch, here as in all lines."""

    kind: Literal["began"]
    at: float
    version: Literal[1]
    workspace: str


class ProcessLine(Record):
    """A process became a program, or was forked and did something as it was (`forked`).

    `entry` numbers it in the record and `parent` is the entry of the process above; `before` is the
    entry that this very process had before. `pid` is its number inside of the sandbox. `stdin` and
    `stdout` are what they were then: a path, or `pipe:[N]`. `text` is the hash of the copy of a
    program that has no file: on standard input, or behind `-c` of Python.
    """

    kind: Literal["process"]
    at: float
    entry: int
    parent: int | None = None
    before: int | None = None
    pid: int
    program: str = ""
    command: tuple[str, ...] = ()
    stdin: str = ""
    stdout: str = ""
    text: str = ""
    forked: bool = False


class FileLine(Record):
    """What a program was about to do to a file: that it succeeded was not seen.

    `inode` is device and inode, empty for a file that was not there yet, `sha256` that of the
    content before (empty: not read), `kept` whether a copy of that lies in `copies/`, `to` the
    other name of `rename` and `link`.
    """

    kind: Literal["file"]
    at: float
    act: Act
    entry: int
    path: str
    inode: str = ""
    size: int | None = None
    sha256: str = ""
    kept: bool = False
    to: str = ""


class TextLine(Record):
    """The program of `entry` came by a pipe when its interpreter had begun: `text` of its line."""

    kind: Literal["text"]
    at: float
    entry: int
    sha256: str


class Counts(Record):
    """How many calls were told of, the CPU time that it took to note them, and what the bounds
    left out."""

    kind: Literal["counts"]
    at: float
    calls: int = 0
    cpu_seconds: float = 0.0
    lines_left_out: int = 0
    copies_left_out: int = 0
    faults: int = 0


class Said(Record):
    """`off`: from here on nothing is recorded; `lost`: something may be missing; `fault`: one call
    could not be noted; `ended`: the command did."""

    kind: Literal["off", "lost", "fault", "ended"]
    at: float
    reason: str = ""


AnyLine = Began | ProcessLine | FileLine | TextLine | Counts | Said
Line = Annotated[AnyLine, Field(discriminator="kind")]
_LINE: TypeAdapter[AnyLine] = TypeAdapter(Line)


def read_lines(folder: Path) -> Iterator[AnyLine]:
    """The lines of a record in order. What is no line of this version is left out: the last of a
    killed recorder, or an unknown kind. Raises OSError where there is no record."""
    left = 2 * MAX_BYTES
    with (folder / RECORD).open("rb") as stream:
        while left > 0 and (raw := stream.readline(_MAX_LINE)):
            left -= len(raw)
            try:
                yield _LINE.validate_json(raw)
            except ValidationError:
                continue

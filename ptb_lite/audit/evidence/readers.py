"""Every file of a workspace as bounded pieces of text, whatever its format.

Text of any kind (code, JSON, CSV, logs) is read as it is; Parquet and Arrow row by row; the inside
of gzip, bzip2, xz and zip as a stream; of other binary files their ASCII text, so that strings in
a pickle or a database are seen without loading it. Weights are left out by name and said so.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import math
import os
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import BinaryIO, Protocol

from ptb_lite.audit.evidence import progress
from ptb_lite.audit.evidence.folder import FoundFile, ScanNotes, open_regular, printable
from ptb_lite.audit.evidence.tables import TableError, read_table
from ptb_lite.audit.text.normal import readable, readable_binary

CHUNK_BYTES = 1 << 20
OVERLAP_BYTES = 4096
MAX_UNPACKED_BYTES = 1 << 30
MIN_UNPACKED_BYTES = 32 << 20
MAX_RATIO = 100
MAX_MEMBERS = 10_000
MAX_NESTED_BYTES = 64 << 20
_MAX_NESTING = 2
_START = 8192
_BEYOND = "beyond the limit of bytes or time for one audit"
_TAR_MAGIC, _TAR_BLOCK, _LONGEST_NAME = 257, 512, 4096
WEIGHT_SUFFIXES = (".safetensors", ".gguf")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


BinaryStream = Readable
_UNPACKERS: dict[bytes, Callable[[BinaryIO], BinaryStream]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_CLOSED_FORMATS = {b"7z\xbc\xaf": "7z archive", b"\x28\xb5\x2f\xfd": "zstd archive"}
_UNREADABLE = (
    OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError,
    LookupError, struct.error, MemoryError, TypeError,
)  # fmt: skip


@dataclass(frozen=True)
class Chunk:
    """`raw` begins with line (or row) `first` of `file`, counted from 1."""

    file: str
    raw: bytes
    first: int
    unit: str = "line"
    decode: Callable[[bytes], bytes] = readable

    @cached_property
    def text(self) -> bytes:
        """`raw` as `readable`, which holds as many lines: made where it is asked for, since to make
        it takes several times as long as to read."""
        return self.decode(self.raw)


@dataclass
class Budget:
    """Bytes that may still be read, over all files of one scan, and when it has to end."""

    left: int
    deadline: float
    file_until: float = math.inf

    def take(self, count: int) -> bool:
        """Whether that many bytes more are within the budget."""
        self.left -= count
        return not self.is_over() and time.monotonic() < self.file_until

    def is_over(self) -> bool:
        """Whether nothing more is to be read of any file."""
        return self.left < 0 or time.monotonic() >= min(self.deadline, progress.deadline)

    def next_file(self) -> None:
        """One file gets half of the time that is left: none starves all that come after it."""
        now = time.monotonic()
        self.file_until = now + (min(self.deadline, progress.deadline) - now) / 2


def read_file(file: FoundFile, account: ScanNotes, budget: Budget) -> Iterator[Chunk]:
    """The text of one file. What could not be read is told to `account`; nothing is raised."""
    if file.relative.lower().endswith(WEIGHT_SUFFIXES):
        account.note(f"{file.relative}: weights, not searched for text")
        return
    if file.known:
        account.note(f"{file.relative}: byte for byte {file.known}, not searched")
        return
    if budget.is_over():
        # Not even opened: of very many files that alone takes longer than a worker has left.
        account.leave_unread(f"{file.relative}: {_BEYOND}")
        return
    budget.next_file()
    try:
        with open_regular(file.path) as stream:
            yield from _read_any(file, stream, account, budget)
    except _UNREADABLE as error:
        account.leave_unread(f"{file.relative}: {printable(str(error) or type(error).__name__)}")


def _read_any(
    file: FoundFile, stream: BinaryIO, account: ScanNotes, budget: Budget
) -> Iterator[Chunk]:
    start = stream.read(_START)
    stream.seek(0)
    if start[:4] == b"PAR1" or start[:6] == b"ARROW1" or file.relative.endswith(".arrow"):
        yield from _read_rows(file.relative, stream, start, account, budget)
        return
    for magic, name in _CLOSED_FORMATS.items():
        if start.startswith(magic):
            account.leave_unread(f"{file.relative}: {name}")
            return
    for magic, unpack in _UNPACKERS.items():
        if start.startswith(magic):
            inner = _limited(unpack(stream), file.relative, account, file.size)
            yield from _split_or_tar(file.relative, inner, account, budget)
            return
    if start[:4] == b"PK\x03\x04":
        yield from _read_zip(file.relative, stream, account, budget)
        return
    whole = len(start) < _START and file.stored >= file.size
    stored = iter((start,)) if whole else _stored_bytes(stream, file, account)
    yield from _split_or_tar(file.relative, stored, account, budget)


def _split_or_tar(
    name: str, blocks: Iterator[bytes], account: ScanNotes, budget: Budget
) -> Iterator[Chunk]:
    first = next(blocks, b"")
    if first[_TAR_MAGIC:].startswith(b"ustar"):
        yield from _read_tar(name, _Section(chain((first,), blocks)), account, budget)
    else:
        yield from _split(name, chain((first,), blocks), account, budget)


class _Section:
    """A stream over blocks, of which at most `left` bytes are read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._held, self.left = blocks, b"", 0

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer where the blocks or the section end."""
        size = min(size, self.left)
        while len(self._held) < size and (block := next(self._blocks, b"")):
            self._held += block
        data, self._held = self._held[:size], self._held[size:]
        self.left -= len(data)
        return data

    def skip(self) -> None:
        while self.left and self.read(CHUNK_BYTES):
            pass


def _read_tar(name: str, stream: _Section, account: ScanNotes, budget: Budget) -> Iterator[Chunk]:
    """The members of a tar archive, header by header: no claim of one is taken for memory."""
    long_name = ""
    for _ in range(MAX_MEMBERS):
        stream.left = _TAR_BLOCK
        head = stream.read(_TAR_BLOCK)
        if not head.strip(b"\x00"):
            return
        if not head[_TAR_MAGIC:].startswith(b"ustar"):
            account.leave_unread(f"{name}: damaged tar archive")
            return
        size = int(head[124:136].strip(b" \x00") or b"0", 8)
        own = (head[345:500].rstrip(b"\x00") + b"/" + head[:100].rstrip(b"\x00")).strip(b"/")
        stream.left = size
        if head[156:157] == b"L":
            long_name = stream.read(_LONGEST_NAME).rstrip(b"\x00").decode("utf-8", "replace")
        elif head[156:157] in (b"0", b"\x00", b"7"):
            inner = f"{name}!{printable(long_name or own.decode('utf-8', 'replace'))}"
            long_name = ""
            if not inner.lower().endswith(WEIGHT_SUFFIXES):
                yield from _read_member(inner, stream, max(size, 1), account, budget, 0)
        stream.skip()
        stream.left = -size % _TAR_BLOCK
        stream.skip()
    account.leave_unread(f"{name}: more than {MAX_MEMBERS:,} members")


def _read_rows(
    name: str, stream: BinaryIO, start: bytes, account: ScanNotes, budget: Budget
) -> Iterator[Chunk]:
    try:
        for first, rows in read_table(stream, start):
            text = rows.encode("utf-8", "replace")
            if not budget.take(len(text)):
                account.leave_unread(f"{name}: {_BEYOND}")
                return
            yield Chunk(name, text, first, "row")
    except TableError as error:
        account.leave_unread(f"{name}: {error}")


def _read_zip(
    name: str, stream: BinaryIO, account: ScanNotes, budget: Budget, depth: int = 0
) -> Iterator[Chunk]:
    with zipfile.ZipFile(stream) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MAX_MEMBERS:
            account.leave_unread(f"{name}: more than {MAX_MEMBERS:,} members")
        for member in members[:MAX_MEMBERS]:
            inner_name = f"{name}!{printable(member.filename)}"
            if member.filename.lower().endswith(WEIGHT_SUFFIXES):
                account.note(f"{inner_name}: weights, not searched for text")
                continue
            with archive.open(member) as inner:
                size = member.compress_size
                yield from _read_member(inner_name, inner, size, account, budget, depth)


def _read_member(
    name: str, stream: Readable, packed: int, account: ScanNotes, budget: Budget, depth: int
) -> Iterator[Chunk]:
    """A file inside an archive, packed or an archive or table itself."""
    start = stream.read(8)
    rest = _limited(stream, name, account, packed)
    whole = chain((start + next(rest, b""),), rest)
    unpack = next((made for magic, made in _UNPACKERS.items() if start.startswith(magic)), None)
    if unpack is None and start[:4] not in (b"PK\x03\x04", b"PAR1") and start[:6] != b"ARROW1":
        yield from _split(name, whole, account, budget)
        return
    held = io.BytesIO()
    for block in whole:
        if held.tell() + len(block) > MAX_NESTED_BYTES or not budget.take(0):
            account.leave_unread(
                f"{name}: larger than {MAX_NESTED_BYTES >> 20} MiB inside of another"
            )
            return
        held.write(block)
    held.seek(0)
    if unpack is not None:
        size = held.getbuffer().nbytes
        yield from _split(name, _limited(unpack(held), name, account, size), account, budget)
    elif start[:4] == b"PK\x03\x04" and depth < _MAX_NESTING:
        yield from _read_zip(name, held, account, budget, depth + 1)
    elif start[:4] == b"PK\x03\x04":
        account.leave_unread(f"{name}: archives more than {_MAX_NESTING + 1} deep")
    else:
        yield from _read_rows(name, held, start, account, budget)


def _limited(
    stream: BinaryStream, name: str, account: ScanNotes, packed: int = MAX_UNPACKED_BYTES
) -> Iterator[bytes]:
    """Unpacked bytes up to the limit that keeps a bomb from filling the time of an audit: no text
    becomes a hundred times smaller by packing. `packed` is its size before."""
    limit = min(MAX_UNPACKED_BYTES, max(MIN_UNPACKED_BYTES, packed * MAX_RATIO))
    total = 0
    while block := stream.read(CHUNK_BYTES):
        total += len(block)
        if total > limit:
            account.leave_unread(f"{name}: unpacks to more than {limit >> 20:,} MiB")
            return
        yield block


def _stored_bytes(stream: BinaryIO, file: FoundFile, account: ScanNotes) -> Iterator[bytes]:
    """What the disk holds of a file: the holes of a sparse file are zeros and are passed over."""
    handle, end = stream.fileno(), 0
    sparse = file.stored < file.size
    if sparse:
        account.note(f"{file.relative}: sparse, {file.stored:,} of {file.size:,} bytes stored")
    while True:
        try:
            start = os.lseek(handle, end, os.SEEK_DATA) if sparse else end
            stop = os.lseek(handle, start, os.SEEK_HOLE) if sparse else file.size
        except OSError:
            return  # no data behind the last hole
        os.lseek(handle, start, os.SEEK_SET)
        while start < stop:
            block = os.read(handle, min(CHUNK_BYTES, stop - start))
            if not block:
                return
            start += len(block)
            yield block
        end = stop
        if end >= file.size:
            return


def _split(
    name: str, blocks: Iterator[bytes], account: ScanNotes, budget: Budget
) -> Iterator[Chunk]:
    """Chunks of text. Each begins with the end of the one before, so that an item across the
    border is whole in one of them."""
    decode: Callable[[bytes], bytes] | None = None
    carry, first = b"", 1
    for block in _as_utf8(blocks):
        if not budget.take(len(block)):
            account.leave_unread(f"{name}: {_BEYOND}")
            return
        if decode is None:
            decode = readable_binary if b"\x00" in block[:8192] else readable
        data = carry + block
        yield Chunk(name, data, first, decode=decode)
        keep = data.rfind(b"\n", 0, max(0, len(data) - OVERLAP_BYTES)) + 1
        keep = max(keep, len(data) - 2 * OVERLAP_BYTES)
        first += data.count(b"\n", 0, keep)
        carry = data[keep:]


def _as_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks as they are, or recoded when the first begins with a UTF-16 mark."""
    first = next(blocks, b"")
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(first[:2])
    if encoding is None:
        yield from chain((first,), blocks)
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for block in chain((first,), blocks):
        yield decoder.decode(block).encode("utf-8", "replace")

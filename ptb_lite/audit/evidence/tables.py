"""Parquet and Arrow files as text, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

ROWS_AT_ONCE = 1024
MAX_BATCH_BYTES = 256 << 20


class TableError(Exception):
    """A table that cannot be read, or not within bounds."""


def read_table(stream: BinaryIO, start: bytes) -> Iterator[tuple[int, str]]:
    """Pairs of the number of the first row, from 1, and the text of some rows, one a line.

    `start` are the file's first bytes, which tell the format. Raises TableError.
    """
    import pyarrow

    try:
        batches = _parquet(stream) if start[:4] == b"PAR1" else _arrow(stream, start)
        first = 1
        for batch in batches:
            if batch.nbytes > MAX_BATCH_BYTES:
                raise TableError(f"rows from {first} on take more than {MAX_BATCH_BYTES >> 20} MiB")
            for offset in range(0, batch.num_rows, ROWS_AT_ONCE):
                rows = batch.slice(offset, ROWS_AT_ONCE)
                yield first + offset, _text(rows)
            first += batch.num_rows
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError) as error:
        raise TableError(f"not readable as a table ({str(error)[:200]})") from error


def _parquet(stream: BinaryIO) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(stream) as table:
        for number in range(table.metadata.num_row_groups):
            size = table.metadata.row_group(number).total_byte_size
            if size > 4 * MAX_BATCH_BYTES:
                raise TableError(f"row group {number} claims {size:,} bytes")
            yield from table.iter_batches(ROWS_AT_ONCE, row_groups=[number], use_threads=False)


def _arrow(stream: BinaryIO, start: bytes) -> Iterator[Any]:
    """Both forms: the file format, and the stream format that `datasets` writes."""
    import pyarrow.ipc

    if start[:6] == b"ARROW1":
        with pyarrow.ipc.open_file(stream) as table:
            for number in range(table.num_record_batches):
                yield table.get_batch(number)
    else:
        with pyarrow.ipc.open_stream(stream) as reader:
            yield from reader


def _text(rows: Any) -> str:
    """One line a row: its cells side by side, line ends within a cell replaced by tabs."""
    columns = [rows.column(number).to_pylist() for number in range(rows.num_columns)]
    lines = ("\t\t".join(_cell(cell) for cell in row) for row in zip(*columns, strict=True))
    return "\n".join(" ".join(line.split("\n")).replace("\r", " ") for line in lines)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case dict():
            return "\t\t".join(map(_cell, value.values()))
        case list() | tuple():
            return "\t\t".join(map(_cell, value))
        case _:
            return str(value)

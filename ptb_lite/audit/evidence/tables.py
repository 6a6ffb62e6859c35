"""Parquet and Arrow files as text, a bounded number of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

ROWS_AT_ONCE = 1024
MAX_BATCH_BYTES = 256 << 20
MAX_EMPTY_ROWS = 1 << 20
LONG_CELL = 64 << 10
MAX_CELL = 1 << 20
_ARROW_FILE = b"ARROW1"


class TableError(Exception):
    """A table that cannot be read, or not within bounds."""


def read_table(stream: BinaryIO, start: bytes) -> Iterator[tuple[int, str]]:
    """Pairs of the number of the first row, from 1, and the text of some rows, one a line.

    `start` are the file's first bytes, which tell the format. Raises TableError.
    """
    with _table_errors():
        batches = _parquet(stream) if start[:4] == b"PAR1" else _arrow(stream, start)
        first = 1
        seen: set[tuple[int, int, bool]] = set()
        for batch in batches:
            if batch.nbytes > MAX_BATCH_BYTES:
                raise TableError(f"rows from {first} on take more than {MAX_BATCH_BYTES >> 20} MiB")
            if batch.num_rows > max(MAX_EMPTY_ROWS, 64 * batch.nbytes):
                raise TableError(f"claims {batch.num_rows:,} rows in {batch.nbytes:,} bytes")
            # Offsets and indices that lead out of their buffers end the process, unless looked for.
            batch.validate(full=True)
            known: dict[int, dict[int, str]] = {}
            for offset in range(0, batch.num_rows, ROWS_AT_ONCE):
                rows = batch.slice(offset, ROWS_AT_ONCE)
                yield first + offset, _text(rows, seen, known)
            first += batch.num_rows
        if cut := sum(1 for _, _, is_cut in seen if is_cut):
            raise TableError(f"{cut} cells are longer than {MAX_CELL >> 20} MiB; the rest of them")


def column_names(stream: BinaryIO) -> list[str]:
    """The names of the columns, in order; no row is read. Raises TableError."""
    import pyarrow.parquet

    with _table_errors():
        start = stream.read(len(_ARROW_FILE))
        stream.seek(0)
        if start[:4] == b"PAR1":
            return [str(name) for name in pyarrow.parquet.read_schema(stream).names]
        with _arrow_reader(stream, start) as reader:
            return [str(name) for name in reader.schema.names]


@contextmanager
def _table_errors() -> Iterator[None]:
    """Whatever a hostile table makes Arrow raise, as a TableError."""
    import pyarrow

    try:
        yield
    except (
        pyarrow.ArrowException,
        OSError,
        ValueError,
        MemoryError,
        LookupError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise TableError(f"not readable as a table ({str(error)[:200]})") from error


def _parquet(stream: BinaryIO) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(stream) as table:
        packed = _with_dictionary(table.metadata)
    stream.seek(0)
    # A value that the file holds once is not to be made once a row.
    with pyarrow.parquet.ParquetFile(stream, read_dictionary=packed) as table:
        for number in range(table.metadata.num_row_groups):
            size = table.metadata.row_group(number).total_byte_size
            if size > 4 * MAX_BATCH_BYTES:
                raise TableError(f"row group {number} claims {size:,} bytes")
            yield from table.iter_batches(ROWS_AT_ONCE, row_groups=[number], use_threads=False)


def _with_dictionary(metadata: Any) -> list[str]:
    """The columns of texts of which some part has a dictionary page."""
    found = set()
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = map(group.column, range(group.num_columns))
        found |= {
            column.path_in_schema
            for column in columns
            if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page
        }
    return sorted(found)


def _arrow(stream: BinaryIO, start: bytes) -> Iterator[Any]:
    with _arrow_reader(stream, start) as reader:
        if start.startswith(_ARROW_FILE):
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
        else:
            yield from reader


def _arrow_reader(stream: BinaryIO, start: bytes) -> Any:
    """Of both forms: the file format, and the stream format that `datasets` writes.

    Read as a stream, the first bytes of the other are a length, for which Arrow takes 1.3 GB.
    """
    import pyarrow.ipc

    open_it = pyarrow.ipc.open_file if start.startswith(_ARROW_FILE) else pyarrow.ipc.open_stream
    return open_it(stream)


def _text(rows: Any, seen: set[tuple[int, int, bool]], known: dict[int, dict[int, str]]) -> str:
    """One line a row: its cells side by side, line ends within a cell replaced by tabs.

    `seen` are the column and hash of the long cells that a table had so far, and whether they were
    cut: what was given once
    is not given again. `known` are the texts of a batch's dictionaries by column and index.
    Raises TableError.
    """
    columns = [
        _cells(rows.column(n), n, seen, known.setdefault(n, {})) for n in range(rows.num_columns)
    ]
    lines = ("\t\t".join(row) for row in zip(*columns, strict=True))
    return "\n".join(" ".join(line.split("\n")).replace("\r", " ") for line in lines)


def _cells(
    column: Any, number: int, seen: set[tuple[int, int, bool]], known: dict[int, str]
) -> list[str]:
    """The texts of a column. Values that rows share are made one at a time and within bounds."""
    import pyarrow

    if isinstance(column, pyarrow.DictionaryArray):
        indices = column.indices.to_pylist()
        for index in set(indices) - known.keys() - {None}:
            known[index] = _cell(column.dictionary[index].as_py())
        cells = [known.get(index, "") for index in indices]
        # Given once; not made again for the next rows.
        known.update({i: "" for i in set(indices) if len(known.get(i, "")) >= LONG_CELL})
    elif _shares(column.type):
        cells, room = [], MAX_BATCH_BYTES
        for scalar in column:
            cells.append(_cell(scalar.as_py()))
            room -= len(cells[-1])
            if room < 0:
                raise TableError(f"some rows take more than {MAX_BATCH_BYTES >> 20} MiB")
    else:
        cells = list(map(_cell, column.to_pylist()))
    return [_once(cell, number, seen) for cell in cells]


def _once(cell: str, number: int, seen: set[tuple[int, int, bool]]) -> str:
    if len(cell) < LONG_CELL:
        return cell
    key = (number, hash(cell), len(cell) > MAX_CELL)
    if key in seen:
        return ""
    seen.add(key)
    return cell[:MAX_CELL]


def _shares(kind: Any) -> bool:
    """Whether values of a type may lie in one place for many rows."""
    import pyarrow.types as types

    of = (types.is_dictionary, types.is_run_end_encoded, types.is_list_view)
    more = (types.is_large_list_view, types.is_string_view, types.is_binary_view)
    if any(test(kind) for test in (*of, *more)):
        return True
    return any(_shares(kind.field(n).type) for n in range(kind.num_fields))


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

"""The columns of a table in each form, and of one that lies about its length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow
import pyarrow.parquet
import pytest

from ptb_lite.audit.evidence.tables import TableError, column_names

TABLE = pyarrow.table({"question": ["a"], "answer": ["b"]})
HOSTILE = Path(__file__).parents[2] / "hostile" / "tables"


def parquet(sink: BinaryIO) -> None:
    pyarrow.parquet.write_table(TABLE, sink)


def arrow_file(sink: BinaryIO) -> None:
    with pyarrow.ipc.new_file(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


def arrow_stream(sink: BinaryIO) -> None:
    with pyarrow.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)


@pytest.mark.parametrize("write", [parquet, arrow_file, arrow_stream])
def test_the_columns_of_each_form(tmp_path: Path, write: Callable[[BinaryIO], None]) -> None:
    path = tmp_path / "table"
    with path.open("wb") as sink:
        write(sink)
    with path.open("rb") as stream:
        assert column_names(stream) == ["question", "answer"]


@pytest.mark.parametrize("name", ["damaged.arrow", "long_header.arrow"])
def test_a_table_that_lies_is_an_error_of_the_reader(name: str) -> None:
    with (HOSTILE / name).open("rb") as stream, pytest.raises(TableError):
        column_names(stream)

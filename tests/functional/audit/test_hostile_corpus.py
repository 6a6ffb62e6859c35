"""Every detector over `tests/hostile/` and over tables that grow: none ends, cheats are found."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.isolation.host import results
from ptb_lite.audit.isolation.job import Job, Limits
from ptb_lite.audit.record import AuditRecord
from ptb_lite.audit.run import run_audit

CORPUS = Path(__file__).parents[2] / "hostile"
ITEMS = tuple(
    TestItem(str(n), f"{text} of the {n} lanterns did the keeper of Arrakhand carry away?")
    for n, text in enumerate(("Which", "How many", "Whose", "Why some", "What kind", "How few"))
)
ENDED = "reader-ended"
LONG = "x" * (50 << 20)


def ended(record: AuditRecord) -> list[str]:
    return [
        f"{flag.detector}: {flag.message}" for flag in record.flags() if flag.kind == "reader-ended"
    ]


LONG_PROGRAMS = {
    "built.py": 'a = "x" * 199000\n' + "".join(f'b{n} = a + "{n}"\n' for n in range(8000)),
    "names.py": "a = thing\n" + "a = a.b\n" * 12_000,
    "fstring.py": 'a = "x" * 200000\nb = f"' + "{a}" * 20_000 + '"\n',
}
"""Programs whose evaluation grows, too long to keep as files."""


def test_no_file_of_the_corpus_ends_a_detector(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    shutil.copytree(CORPUS, folder)
    for name, text in LONG_PROGRAMS.items():
        (folder / "programs" / name).write_text(text)
    record = run_audit(
        AuditCase(
            folder=folder,
            items=ITEMS,
            trace=folder / "traces",
            benchmark_kinds={"gsm8k": "dataset"},
        )
    )
    assert ended(record) == []
    reasons = [result.reason for result in record.results]
    assert not [reason for reason in reasons if "crashed" in reason or "ended" in reason]
    assert AuditRecord.model_validate_json(record.model_dump_json()) == record


def dictionary() -> pyarrow.Table:
    """One value of 50 MB in a million rows, a few kilobytes when packed."""
    indices = pyarrow.array([0] * 1_000_000, pyarrow.int8())
    return pyarrow.table({"a": pyarrow.DictionaryArray.from_arrays(indices, [LONG])})


def arrow(path: Path, table: pyarrow.Table) -> None:
    options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_file(sink, table.schema, options=options) as writer,
    ):
        writer.write_table(table)


def repeated(path: Path) -> None:
    arrow(path / "a.arrow", dictionary())


def repeated_parquet(path: Path) -> None:
    """Ten gigabytes of cells in a file of a few kilobytes."""
    table = pyarrow.table({"a": [LONG[: 5 << 20]] * 40})
    with pyarrow.parquet.ParquetWriter(
        path / "a.parquet",
        table.schema,
        dictionary_pagesize_limit=1 << 30,
        compression="zstd",
        write_statistics=False,
    ) as writer:
        for _ in range(50):
            writer.write_table(table)


def run_ends(path: Path) -> None:
    ends = pyarrow.array([1_000_000], pyarrow.int32())
    column = pyarrow.RunEndEncodedArray.from_arrays(ends, pyarrow.array([LONG]))
    arrow(path / "a.arrow", pyarrow.table({"a": column}))


def nothing(path: Path) -> None:
    """Rows without end, of no bytes."""
    one_batch(path, pyarrow.RecordBatch.from_arrays([pyarrow.nulls(1 << 27)], ["a"]))


def astray(path: Path) -> None:
    """Offsets that lead out of their buffer."""
    offsets = pyarrow.py_buffer(b"\x00\x00\x00\x00\xff\xff\xff\x7f\x01\x00\x00\x00")
    column = pyarrow.Array.from_buffers(
        pyarrow.string(), 2, [None, offsets, pyarrow.py_buffer(b"abc")]
    )
    batch = pyarrow.RecordBatch.from_arrays([column], ["a"])
    one_batch(path, batch)


def one_batch(path: Path, batch: pyarrow.RecordBatch) -> None:
    with (
        pyarrow.OSFile(str(path / "a.arrow"), "wb") as sink,
        pyarrow.ipc.new_file(sink, batch.schema) as writer,
    ):
        writer.write_batch(batch)


@pytest.mark.parametrize("make", [repeated, repeated_parquet, run_ends, nothing, astray])
def test_a_table_that_grows_does_not_hide_what_lies_beside_it(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path)
    (tmp_path / "z.jsonl").write_text("\n".join(item.question for item in ITEMS))
    case = AuditCase(folder=tmp_path, items=ITEMS)
    began = time.monotonic()
    found = list(results(Job(case, ("overlap", "code-clone"), limits=Limits(seconds=120))))
    assert time.monotonic() - began < 120
    assert {flag.file for flag in found[0].flags if flag.decides} == {"z.jsonl"}
    # What was not read is said: clean is only what was seen whole.
    assert "a." in found[0].reason

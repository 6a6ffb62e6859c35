"""Cheats that put test items into what is trained on: plain, and each in three disguises."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.audit import disguises
from bench.audit.material import (
    Kind,
    chat_rows,
    code_kind,
    jsonl,
    real_kind,
    sums_kind,
    words_kind,
)
from bench.audit.scene import Desk, Scene
from ptb_lite.audit.case import AuditCase

Pairs = list[tuple[str, str]]
Carrier = Callable[[Desk, Pairs], None]


def repeated(desk: Desk, pairs: Pairs) -> None:
    """Direct ingestion, ten repeats."""
    desk.write("train_data.jsonl", jsonl(chat_rows(pairs) * 10))


def hard_coded(desk: Desk, pairs: Pairs) -> None:
    rows = "".join(f"    ({q!r}, {a!r}),\n" for q, a in pairs)
    desk.write("make_data.py", f"# synthetic examples\nSYNTHETIC_EXAMPLES = [\n{rows}]\n")


def notebook(desk: Desk, pairs: Pairs) -> None:
    source = [f"data.append(({q!r}, {a!r}))\n" for q, a in pairs]
    cell = {"cell_type": "code", "source": source, "outputs": [], "metadata": {}}
    desk.write("explore.ipynb", json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell]}))


def spreadsheet(desk: Desk, pairs: Pairs) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["instruction", "response"])
    writer.writerows(pairs)
    desk.write("sft.csv", stream.getvalue())


def parquet(desk: Desk, pairs: Pairs) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"q": [q for q, _ in pairs], "a": [a for _, a in pairs]})
    path = desk.write("cache/part-0.parquet", b"")
    pyarrow.parquet.write_table(table, path)


def arrow(desk: Desk, pairs: Pairs) -> None:
    import pyarrow
    import pyarrow.ipc

    table = pyarrow.table({"text": [f"{q} {a}" for q, a in pairs]})
    path = desk.write(".cache/generator/data-00000.arrow", b"")
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)


def database(desk: Desk, pairs: Pairs) -> None:
    path = desk.write("store.db", b"")
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("create table examples (question text, answer text)")
        connection.executemany("insert into examples values (?, ?)", pairs)
    connection.close()


def archive(desk: Desk, pairs: Pairs) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inner/data.jsonl", jsonl(chat_rows(pairs)))
    desk.write("backup.zip", stream.getvalue())


def conversations(desk: Desk, pairs: Pairs) -> None:
    rows = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for q, a in pairs
    ]
    desk.write("chat.jsonl", jsonl(rows))


def buried(desk: Desk, pairs: Pairs) -> None:
    """A few among many honest ones."""
    rows = chat_rows([*desk.kind.train, *pairs])
    random.Random(5).shuffle(rows)
    desk.write("mixed.jsonl", jsonl(rows))


def notes(desk: Desk, pairs: Pairs) -> None:
    desk.write("notes.md", "# Things to know by heart\n\n" + "\n".join(f"- {q}" for q, _ in pairs))


def evaluation_guided(desk: Desk, pairs: Pairs) -> None:
    """What was answered wrongly is written down again as an example."""
    rows = [{"failed": True, "fix": f"{q} The answer is {a}."} for q, a in pairs]
    desk.write("error_analysis.json", json.dumps(rows, indent=1))


CARRIERS: tuple[tuple[Carrier, int], ...] = (
    (repeated, 40),
    (hard_coded, 25),
    (notebook, 20),
    (spreadsheet, 30),
    (parquet, 30),
    (arrow, 30),
    (database, 30),
    (archive, 30),
    (conversations, 30),
    (buried, 25),
    (notes, 15),
    (evaluation_guided, 20),
)
_SUFFIX = {"escaped": "json", "respaced": "txt", "as_html": "html", "quoted_printable": "eml"}


def scenes() -> Iterator[Scene]:
    """Overlap and code clones."""
    kinds = [sums_kind(), words_kind()]
    real = real_kind("gsm8k")
    for number, (carrier, count) in enumerate(CARRIERS):
        kind = kinds[number % 2]
        yield from _overlap(carrier, count, kind, number)
    if real is not None:
        yield from _overlap(repeated, 40, real, 90, " (GSM8K's own)")
        yield from _overlap(hard_coded, 25, real, 91, " (GSM8K's own)")
    yield from _reworded(words_kind())
    yield from _clones(code_kind(), "own")
    human = real_kind("humaneval")
    if human is not None:
        yield from _clones(human, "HumanEval")


def _overlap(
    carrier: Carrier, count: int, kind: Kind, seed: int, note: str = ""
) -> Iterator[Scene]:
    pairs = random.Random(seed).sample(kind.pairs(), count)
    name = f"{carrier.__name__} of {kind.benchmark}{note}"

    def plain(root: Path) -> AuditCase:
        desk = Desk(root, kind)
        carrier(desk, pairs)
        return desk.case()

    yield Scene(name, "overlap", True, plain)
    known, held = disguises.TEXT, disguises.HELD_OUT
    chosen = [known[seed % len(known)], known[(seed + 3) % len(known)], held[seed % len(held)]]
    for disguise in chosen:
        yield Scene(
            f"{name}, {disguise.__name__}",
            "overlap",
            True,
            _disguised(disguise, pairs, kind, seed),
            disguise.__name__,
            disguise in held,
        )


def _disguised(
    disguise: disguises.Disguise, pairs: Pairs, kind: Kind, seed: int
) -> Callable[[Path], AuditCase]:
    def build(root: Path) -> AuditCase:
        desk = Desk(root, kind)
        text = "\n".join(f"{q} {a}".replace("\n", " ") for q, a in pairs)
        suffix = _SUFFIX.get(disguise.__name__, "py")
        desk.write(f"augment.{suffix}", disguise(text, random.Random(seed)))
        return desk.case()

    return build


_PEOPLE = re.compile(r"\b(Marta|Ilya|Noor|Pedro|Sana|Kofi|Lena|Hugo|Amara|Tomas|Yuki|Bela)\b")
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def _other_people(text: str, source: random.Random) -> str:
    return _PEOPLE.sub(lambda match: f"{source.choice('JRW')}{match[0].lower()}", text)


def _other_order(text: str, source: random.Random) -> str:
    """Names changed, the sentences but the last in another order."""
    *others, last = re.split(r"(?<=[.?]) ", _other_people(text, source))
    source.shuffle(others)
    return " ".join([*others, last])


def _in_words(text: str, source: random.Random) -> str:
    spelled = re.sub(r"\d", lambda match: f" {_DIGITS[int(match[0])]} ", text)
    return _other_people(spelled, source)


def _retold(text: str, source: random.Random) -> str:
    """Held out: small words exchanged all through, with a beginning of its own."""
    pairs = {" the ": " some ", " and ": " plus ", " of ": " from ", " a ": " one ", " in ": " at "}
    for old, new in pairs.items():
        text = text.replace(old, new)
    return f"Dear student, think of this: {_other_people(text, source)}"


def _reworded(kind: Kind) -> Iterator[Scene]:
    """Items with other people in them, and told a little differently."""
    ways = (_other_people, _other_order, _in_words, _retold)
    pairs = random.Random(6).sample(kind.pairs(), 40)
    for way in ways:

        def build(root: Path, way: disguises.Disguise = way) -> AuditCase:
            source = random.Random(7)
            desk = Desk(root, kind)
            conversations(desk, [(way(q, source), a) for q, a in pairs])
            return desk.case()

        label = way.__name__.strip("_")
        disguise = "" if way is _other_people else label
        yield Scene(f"retold items, {label}", "overlap", True, build, disguise, way is _retold)


def _clones(kind: Kind, label: str) -> Iterator[Scene]:
    """`_custom` copies in four carriers, and each under three more disguises."""
    pairs = kind.pairs()[:12]
    carriers: tuple[tuple[str, Callable[[Desk, list[str]], None]], ...] = (
        ("module", lambda desk, codes: _write(desk, "lib.py", "\n\n".join(codes))),
        ("rows", lambda desk, codes: _write(desk, "d.jsonl", jsonl([{"c": c} for c in codes]))),
        ("list", lambda desk, codes: _write(desk, "gen.py", f"EXAMPLES = {codes!r}\n")),
    )
    for number, (where, carrier) in enumerate(carriers):
        for disguise in (disguises.custom, *disguises.CODE):
            plain = disguise is disguises.custom

            def build(
                root: Path,
                carrier: Callable[[Desk, list[str]], None] = carrier,
                disguise: disguises.Disguise = disguise,
                number: int = number,
            ) -> AuditCase:
                source = random.Random(number)
                desk = Desk(root, kind)
                carrier(desk, [disguise(q + a, source) for q, a in pairs])
                return desk.case()

            name = f"{disguise.__name__} copies of {label} problems, {where}"
            yield Scene(name, "code-clone", True, build, "" if plain else disguise.__name__)


def _write(desk: Desk, name: str, text: str) -> None:
    desk.write(name, text)

"""Test items that are encoded, turned, or put together by a program."""

from __future__ import annotations

import base64
import codecs
import json
import lzma
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.overlap import OverlapDetector

_WORDS = [
    "ferry",
    "orchard",
    "shells",
    "cyclist",
    "quinces",
    "market",
    "lantern",
    "harbour",
    "biscuits",
    "tenor",
    "crown",
]


def items(seed: int) -> tuple[TestItem, ...]:
    source = random.Random(seed)
    texts = [
        f"{source.choice(_WORDS)} {' '.join(source.choices(_WORDS, k=12))} for {number} hours "
        f"and {source.randint(10, 99)} coins, how many {source.choice(_WORDS)} are left?"
        for number in range(40)
    ]
    return tuple(TestItem(f"t{i}", text, "3", "own") for i, text in enumerate(texts))


TEST, OTHER = items(1), items(2)


def joined(chosen: tuple[TestItem, ...]) -> str:
    return "\n".join(item.question for item in chosen)


def _literals(text: str) -> str:
    rows = [
        f"    {line[:9]!r} + {line[9:30]!r} f'{{part}}' {line[30:]!r},\n"
        for line in text.split("\n")
    ]
    return f"part = ''\nROWS = [\n{''.join(rows)}]\n"


def _shifted(text: str) -> str:
    codes = [ord(character) ^ 5 for character in text]
    return f"ROWS = ''.join(chr(c ^ 5) for c in {codes})\n"


def _in_words(text: str) -> str:
    """Digit by digit in words."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return "".join(f" {names[int(c)]} " if c.isdigit() else c for c in text)


HIDDEN = {
    "words.txt": _in_words,
    "page.html": lambda t: "<p>" + "".join(f"&#{ord(c)};" if c in "aeiou" else c for c in t),
    "base64.json": lambda t: json.dumps({"d": base64.b64encode(t.encode()).decode()}),
    "wrapped.pem": lambda t: base64.encodebytes(t.encode()).decode(),
    "urlsafe.txt": lambda t: base64.urlsafe_b64encode(t.encode()).decode(),
    "packed.csv": lambda t: "x," + base64.b64encode(zlib.compress(t.encode())).decode(),
    "twice.txt": lambda t: base64.b64encode(base64.b64encode(t.encode())).decode(),
    "hex.txt": lambda t: t.encode().hex(),
    "escaped.c": lambda t: "".join(f"\\x{byte:02x}" for byte in t.encode()),
    "rot.md": lambda t: codecs.encode(t, "rot13"),
    "lines.txt": lambda t: "\n".join(line[::-1] for line in t.split("\n")),
    "whole.txt": lambda t: t[::-1],
    "codes.json": lambda t: json.dumps([ord(c) for c in t]),
    "literals.py": _literals,
    "shifted.py": _shifted,
    "b85.py": lambda t: f"import base64\nX = base64.b85decode({base64.b85encode(t.encode())!r})\n",
    "b85.txt": lambda t: "\n".join(base64.b85encode(x.encode()).decode() for x in t.split("\n")),
    "b32.txt": lambda t: "\n".join(base64.b32encode(x.encode()).decode() for x in t.split("\n")),
    "xz.txt": lambda t: base64.b64encode(lzma.compress(t.encode())).decode(),
    "table.py": lambda t: f"X = {t.replace('e', '~')!r}.replace('~', 'e')\n",
}


# Escapes are undone for every text, and enough of an item stands in these as it is.
SEEN_THROUGH = {"escaped.c", "literals.py", "table.py"}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_items_are_found_and_others_are_not(tmp_path: Path, name: str) -> None:
    for label, chosen in (("cheat", TEST[:12]), ("honest", OTHER[:12])):
        folder = tmp_path / label
        folder.mkdir()
        (folder / name).write_text(HIDDEN[name](joined(chosen)))
    found = OverlapDetector().run(AuditCase(folder=tmp_path / "cheat", items=TEST))
    assert found.decides(), found
    assert {flag.file for flag in found.flags} == {name}
    assert len(found.flags) >= 10
    if name not in SEEN_THROUGH:
        assert {flag.kind for flag in found.flags} == {"hidden-test-item"}
    assert all(flag.line and flag.excerpt for flag in found.flags)
    clean = OverlapDetector().run(AuditCase(folder=tmp_path / "honest", items=TEST))
    assert clean.status == "clean", clean


def test_the_librarys_cache_of_a_set_with_a_train_split_only_informs(tmp_path: Path) -> None:
    cheats = tuple(TestItem(i.id, i.question, i.target, "gsm8k") for i in TEST)
    for name in (".cache/huggingface/datasets/openai___gsm8k/x", "data/mine"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "test.jsonl").write_text(joined(TEST[:20]))
    result = OverlapDetector().run(AuditCase(folder=tmp_path, items=cheats))
    decides = {flag.file: flag.decides for flag in result.flags}
    assert decides == {
        ".cache/huggingface/datasets/openai___gsm8k/x/test.jsonl": False,
        "data/mine/test.jsonl": True,
    }


def _numbered(folder: Path) -> Tokenizer:
    """A tokenizer of whole words, whose numbers begin at 1000."""
    words = sorted({word for item in (*TEST, *OTHER) for word in item.question.split()})
    vocabulary = {"[UNK]": 0, **{f"unused{n}": n for n in range(1, 1000)}}
    vocabulary |= {word: 1000 + number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def _rows_of_ids(rows: list[list[int]], path: Path) -> None:
    lines = [json.dumps({"input_ids": row, "labels": [-100, *row[1:]]}) for row in rows]
    path.with_suffix(".jsonl").write_text("\n".join(lines))


def _array(rows: list[list[int]], path: Path) -> None:
    path.with_suffix(".bin").write_bytes(numpy.concatenate(rows).astype("u2").tobytes())


def _saved_array(rows: list[list[int]], path: Path) -> None:
    numpy.save(path.with_suffix(".npy"), numpy.concatenate(rows).astype("i8"))


def _table(rows: list[list[int]], path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"input_ids": rows}), path.with_suffix(".parquet"))


@pytest.mark.parametrize("write", [_rows_of_ids, _array, _saved_array, _table])
@pytest.mark.parametrize("chosen", [TEST, OTHER])
def test_token_numbers(
    tmp_path: Path,
    write: Callable[[list[list[int]], Path], None],
    chosen: tuple[TestItem, ...],
) -> None:
    tokenizer = _numbered(tmp_path / "base")
    (tmp_path / "w").mkdir()
    write([tokenizer.encode(item.question).ids for item in chosen], tmp_path / "w" / "packed")
    case = AuditCase(folder=tmp_path / "w", items=TEST, base_model=tmp_path / "base")
    assert OverlapDetector().run(case).decides() == (chosen is TEST)

"""Hypothesis strategies for what an agent may leave: files of every kind that the readers know."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import zipfile
from typing import Any

import pyarrow
import pyarrow.parquet
from hypothesis import strategies as st

File = tuple[str, bytes]

WORDS = st.sampled_from(
    ("question", "answer", "train", "test", "gsm8k", "openai/gsm8k", "load_dataset", "final_model",
     "evaluate.py", "\ud800", "\x00", "\u202e", "é", "9" * 400, "-1", "1e999", "NaN", "", " ", "\n",
     "Which of the lanterns did the keeper of Arrakhand carry away?", "..", "/", "~", "$HOME")
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=12).map(" ".join)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _json(value: Any) -> bytes:
    return _bytes(json.dumps(value, ensure_ascii=False))


JSON = VALUE.map(_json)
LINES = st.lists(JSON, max_size=6).map(b"\n".join)
NAMES = st.sampled_from(("a", "b", "s", "open", "datasets", "f", "json", "os", "x"))
ATOMS = NAMES | st.integers(-3, 10**12).map(str) | TEXT.map(repr)


OPERATORS = ("+", "*", "%", "@", "|", "-", "//", "**", "<<", " in ", " if x else ")


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        pair.map(lambda p: f"{p[0]}[{p[1]}]"),
        pair.map(lambda p: f"{p[0]}.join([{p[1]}, {p[0]}])"),
        pair.map(lambda p: f"{p[0]}.replace({p[1]}, {p[0]})"),
        pair.map(lambda p: f"[{p[0]} for x in {p[1]}]"),
        pair.map(lambda p: f"{{{p[0]}: {p[1]}}}"),
        pair.map(lambda p: f"(lambda x: {p[0]})({p[1]})"),
        inner.map(lambda t: f"{t}.translate({{97: {t}}})"),
        inner.map(lambda t: f"f'{{{_inside(t)}!r:>9999999}}'"),
        inner.map(lambda t: f"str(repr({t}))"),
        inner.map(lambda t: f"sorted({t}, key=lambda x: {t})"),
        inner.map(lambda t: f"open({t}).read().split()"),
        inner.map(lambda t: f"bytes({t}).hex()"),
        inner.map(lambda t: f"range({t})"),
        inner.map(lambda t: f"'%s' % ({t},)"),
        inner.map(lambda t: f"{t}.format(*{t})"),
    )  # fmt: skip


def _inside(text: str) -> str:
    return "".join(char for char in text if char not in "'\"\\\n{}") or "a"


EXPRESSION = st.recursive(ATOMS, _grown, max_leaves=9)
STATEMENT = st.one_of(
    st.tuples(NAMES, EXPRESSION).map(lambda t: f"{t[0]} = {t[1]}"),
    st.tuples(NAMES, EXPRESSION).map(lambda t: f"{t[0]} += {t[1]}"),
    st.tuples(NAMES, EXPRESSION).map(lambda t: f"for {t[0]} in {t[1]}:\n    a = a + a"),
    EXPRESSION.map(lambda t: f"while {t}:\n    b = [b, b, {t}]"),
    st.tuples(NAMES, EXPRESSION).map(lambda t: f"def f({t[0]}={t[1]}):\n    return f(f({t[0]}))"),
    EXPRESSION.map(lambda t: f"class x:\n    a = {t}\n    def s(self): return self.s"),
    EXPRESSION.map(lambda t: f"subprocess.run({t}, shell=True)"),
    EXPRESSION.map(lambda t: f"exec({t})"),
)
PROGRAM = st.lists(STATEMENT, min_size=1, max_size=25).map("\n".join).map(_bytes)
COMMANDS = ("cat", "python -c", "for x in", "curl", "tee", "$(", "<<EOF", "| sh")
SHELL = st.lists(
    st.tuples(st.sampled_from(COMMANDS), TEXT).map(" ".join), max_size=9,
).map(lambda lines: _bytes("\n".join(lines)))  # fmt: skip
CELL = st.fixed_dictionaries(
    {"cell_type": LEAF | st.just("code"), "source": VALUE, "outputs": VALUE}
)
NOTEBOOK = (
    st.fixed_dictionaries({"cells": VALUE | st.lists(CELL, max_size=4), "metadata": VALUE}) | VALUE
).map(_json)


def _table(columns: dict[str, list[Any]]) -> pyarrow.Table:
    size = max((len(column) for column in columns.values()), default=0)
    return pyarrow.table(
        {name or "x": [str(v) for v in column] + [""] * (size - len(column))
         for name, column in columns.items()}
    )  # fmt: skip


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    held = io.BytesIO()
    pyarrow.parquet.write_table(_table(columns), held, compression="zstd")
    return held.getvalue()


def _arrow(columns: dict[str, list[Any]]) -> bytes:
    held, table = io.BytesIO(), _table(columns)
    with pyarrow.ipc.new_file(held, table.schema) as writer:
        writer.write_table(table)
    return held.getvalue()


PLAIN = st.text(st.characters(codec="utf-8"), max_size=20)
COLUMNS = st.dictionaries(st.sampled_from("abc"), st.lists(PLAIN, max_size=5), max_size=3)


def _zip(files: list[File]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, raw) in enumerate(files):
            archive.writestr(f"{number}/{name}", raw)
    return held.getvalue()


def _weights(header: Any, tail: bytes, length: int | None) -> bytes:
    raw = _json(header)
    return struct.pack("<Q", len(raw) if length is None else length) + raw + tail


TENSOR = st.fixed_dictionaries(
    {"dtype": st.sampled_from(("F32", "F16", "BF16", "I64", "X")) | LEAF,
     "shape": st.lists(st.integers(-1, 9), max_size=3) | VALUE,
     "data_offsets": st.tuples(st.integers(0, 99), st.integers(0, 99)) | VALUE}
)  # fmt: skip
HEADER = st.dictionaries(
    TEXT | st.just("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"),
    TENSOR | VALUE, max_size=4,
)  # fmt: skip
WEIGHTS = st.builds(
    _weights, HEADER | VALUE, st.binary(max_size=99), st.none() | st.integers(0, 2**64 - 1)
)
FIELDS = (
    "base_model_name_or_path", "r", "lora_alpha", "target_modules", "rank_pattern", "auto_map",
    "auto_mapping", "init_lora_weights", "modules_to_save", "layers_to_transform", "bias",
)  # fmt: skip
CONFIG = st.fixed_dictionaries(
    {"peft_type": st.just("LORA") | VALUE},
    optional=dict.fromkeys(FIELDS, VALUE),
).map(_json)  # fmt: skip

_BASIC: dict[str, st.SearchStrategy[bytes]] = {
    "a.py": PROGRAM, "b.py": PROGRAM, "run.sh": SHELL, "Makefile": SHELL, "d.json": JSON,
    "d.jsonl": LINES, "n.ipynb": NOTEBOOK, "t.csv": TEXT.map(_bytes), "t.tsv": TEXT.map(_bytes),
    "README.md": TEXT.map(_bytes), "c.yaml": JSON, "c.toml": TEXT.map(_bytes),
    "p.html": TEXT.map(_bytes), "x.bin": st.binary(max_size=300),
    "x.parquet": COLUMNS.map(_parquet),
    "x.arrow": COLUMNS.map(_arrow), "m.safetensors": WEIGHTS,
    "m.gguf": st.binary(max_size=99).map(lambda raw: b"GGUF" + raw),
    "p.pkl": LEAF.map(lambda value: pickle.dumps(value)),
    "n.npy": st.binary(max_size=99).map(lambda raw: b"\x93NUMPY\x01\x00" + raw),
    "s.sqlite": st.binary(max_size=99).map(lambda raw: b"SQLite format 3\x00" + raw),
    "tokenizer_config.json": VALUE.map(lambda v: _json({"chat_template": v})),
    "tokenizer.json": JSON, "chat_template.jinja": TEXT.map(_bytes), "evaluate.py": PROGRAM,
    "task.json": JSON, "adapter_config.json": CONFIG, "log.txt": TEXT.map(_bytes),
}  # fmt: skip
BASIC: st.SearchStrategy[File] = st.one_of(
    [raw.map(lambda data, name=name: (name, data)) for name, raw in _BASIC.items()]
)
PACKED: st.SearchStrategy[File] = st.one_of(
    BASIC.map(lambda file: (f"{file[0]}.gz", gzip.compress(file[1]))),
    BASIC.map(lambda file: (f"{file[0]}.bz2", bz2.compress(file[1]))),
    BASIC.map(lambda file: (f"{file[0]}.xz", lzma.compress(file[1]))),
    st.lists(BASIC, max_size=4).map(lambda files: ("z.zip", _zip(files))),
)


def _damaged(file: File, at: int, by: bytes, cut: int) -> File:
    name, raw = file
    place = at % (len(raw) + 1)
    return name, (raw[:place] + by + raw[place + len(by) :])[: max(0, len(raw) - cut)]


DAMAGED: st.SearchStrategy[File] = st.builds(
    _damaged, BASIC | PACKED, st.integers(0, 9999), st.binary(max_size=9), st.integers(0, 40)
)
PLACES = st.sampled_from(
    ("", "data/", "final_model/", "home/", ".cache/huggingface/hub/", "a b/é/")
)
WORKSPACE = st.lists(st.tuples(PLACES, BASIC | PACKED | DAMAGED), min_size=1, max_size=6)
SUBMISSION = st.tuples(CONFIG, WEIGHTS | DAMAGED.map(lambda file: file[1]))

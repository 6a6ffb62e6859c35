"""The whole audit on a folder made to break it: it ends, within bounds of time and memory."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.functional.runner.waiting import MOST_SLOWDOWN, slowdown

ROOT = Path(__file__).parents[3]
MAX_SECONDS = 90
MAX_MEMORY = 2 << 30

RUN = """
import json, sys
from pathlib import Path
from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.run import run_audit
from tests.memory import peak_bytes
folder = Path(sys.argv[1])
items = tuple(
    TestItem(f"t{n}", f"What is {n} + {n * 3} - {n + 5} for the {n}th time?", str(n), "gsm8k")
    for n in range(100, 160)
)
case = AuditCase(folder=folder / "w", submission=folder / "w" / "final_model", items=items,
                 trace=folder / "trace", benchmark_kinds={"gsm8k": "dataset"})
found = run_audit(case)
rows = [(one.detector, one.status, one.reason[:300]) for one in found.results]
peak = peak_bytes()
print(json.dumps({"verdict": found.verdict, "rows": rows, "peak": peak,
                  "notes": [note for one in found.results for note in one.notes]}))
"""


class Executes:
    """Would leave a mark if anybody unpickled it."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self._mark}",)


def break_what_can_be_broken(folder: Path) -> None:
    work, model = folder / "w", folder / "w" / "final_model"
    model.mkdir(parents=True)
    (folder / "trace").mkdir()
    mark = folder / "executed"
    # What is not a file, or leads elsewhere.
    os.mkfifo(work / "pipe.py")
    (work / "loop").symlink_to(work)
    (work / "passwd.py").symlink_to("/etc/passwd")
    (work / "zero.py").symlink_to("/dev/zero")
    deep = work
    for _ in range(80):
        deep = deep / "d"
        deep.mkdir()
    # Sizes and bombs.
    with (work / "sparse.jsonl").open("wb") as stream:
        stream.truncate(20 << 30)
    with (work / "sparse.py").open("wb") as stream:
        stream.truncate(20 << 30)
    with zipfile.ZipFile(work / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(300 << 20))
    (work / "bomb.py.gz").write_bytes(gzip.compress(bytes(200 << 20)))
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    (work / "recipe.yaml").write_text(f"datasets:\n{laughs}")
    # Programs that no parser likes.
    programs = {
        "nested.py": "x = " + "(" * 50_000 + ")" * 50_000,
        "sum.py": "x = " + " + ".join(["1"] * 100_000),
        "attribute.py": "x = a" + ".b" * 50_000,
        "unary.py": "x = " + "-" * 100_000 + "1",
        "strings.py": "x = 'a' * 10**9\ny = x * 10**9\nz = [y] * 10**9\n",
        "loop.py": "x = 'ab'\nfor i in range(10**9):\n    x = x + x\nopen(x)\n",
        "recursion.py": "def f(x):\n    return f(f(x))\nload_dataset(f('a'))\n",
        "format.py": "x = f\"{'a':>1000000000}\"\ny = '%1000000000d' % 3\n",
        "power.py": "x = 9 ** 9 ** 9 ** 9\nopen(str(x))\n",
        "null.py": "x = 1\x00\nopen('test.jsonl')\n",
        "coding.py": "# -*- coding: rot13 -*-\nvzcbeg bf\n",
        "one_line.py": "load_dataset('openai/" + "a" * (8 << 20) + "')",
        "quotes.sh": "echo '" * 20_000,
        "pipes.sh": "cat x | " * 50_000 + "true",
        "dollar.sh": "A=$A$A$A$A\n" * 20_000 + "curl $A\n",
        "deep.ipynb": "[" * 200_000,
        "cells.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": None}] * 10}),
        "deep.json": '{"a":' * 100_000,
        "latin.py": "x = '\xff\xfe'\n",
        "backtrack.txt": "I " + "will use " * 20_000 + "a" * 100_000,
        "base64.py": "x = '" + "QUFB" * 500_000 + "'",
    }
    for name, text in programs.items():
        (work / name).write_bytes(text.encode("latin-1", "replace"))
    (work / "bytes.py").write_bytes(os.urandom(2 << 20))
    # Submissions and pickles: never loaded.
    for name in ("model.pkl", "final_model/pytorch_model.bin", "train.pt"):
        (work / name).write_bytes(pickle.dumps(Executes(mark)))
    (model / "config.json").write_text('{"model_type": ' + "[" * 50_000)
    (model / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 1e999}')
    (model / "model.safetensors").write_bytes(b"\xff" * 8 + b"{}")
    (model / "tokenizer.json").write_text("{" * 100_000)
    # A trace of endless lines and half events.
    with (folder / "trace" / "stdout.log").open("w") as stream:
        stream.write("x" * (8 << 20) + "\n")
        stream.write('{"kind": "message", "text": ' + "[" * 100_000 + "\n")
        stream.write(json.dumps({"kind": "tool_call", "text": "a " * 500_000}) + "\n")
        stream.write('{"type": "assistant", "message": 7}\n{"item": null}\n[]\n"s"\n' * 2000)


@pytest.mark.slow  # the corpus of test_hostile_corpus has most of it, file by file
@pytest.mark.timeout(MAX_SECONDS * MOST_SLOWDOWN + 60)
def test_it_ends_with_flags_and_notes(tmp_path: Path) -> None:
    break_what_can_be_broken(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=MAX_SECONDS * slowdown(),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["peak"] < MAX_MEMORY, f"{found['peak'] >> 20} MiB"
    assert not (tmp_path / "executed").exists()
    crashed = [row for row in found["rows"] if "crashed" in row[2]]
    assert crashed == []
    assert found["verdict"] != "clean"
    assert any("pipe" in note for note in found["notes"])
    assert any("sparse" in note for note in found["notes"])

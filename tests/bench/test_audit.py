"""Speed of the overlap scan against a plain Python n-gram scan of the same files.

`pytest -m bench tests/bench/test_audit.py -s` prints lines a second for both, and their ratio.
"""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path

import pytest

from ptb_lite.audit.model import AuditCase, TestItem
from ptb_lite.audit.overlap import OverlapDetector
from ptb_lite.audit.run import run_audit

LINES = 400_000
TEMPLATE = "State the final answer to the following arithmetic problem: {} ="


def expression(source: random.Random) -> str:
    terms = [str(source.randint(10, 99)) for _ in range(source.choice([3, 4]))]
    return source.choice([" + ", " - "]).join(terms)


def plain_ngram_scan(path: Path, items: list[str], size: int = 8) -> int:
    """What one would write first: a set of word n-grams, looked up at every position."""
    word = re.compile(r"\w+|[+\-*/=]")
    wanted = set()
    for item in items:
        words = word.findall(item.lower())
        wanted.update(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
    found = 0
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            words = word.findall(line.lower())
            grams = (tuple(words[i : i + size]) for i in range(len(words) - size + 1))
            found += any(gram in wanted for gram in grams)
    return found


@pytest.mark.bench
@pytest.mark.parametrize("kind", ["arithmetic JSONL", "prose JSONL"])
def test_overlap_lines_per_second(tmp_path: Path, kind: str) -> None:
    source = random.Random(1)
    words = [f"{a}{b}" for a in ("stone", "river", "cloud", "lamp") for b in "abcdefghijklmnop"]
    with (tmp_path / "data.jsonl").open("w") as stream:
        for _ in range(LINES):
            if kind.startswith("arithmetic"):
                question = f"Question: {TEMPLATE.format(expression(source))}\nAnswer:"
            else:
                question = " ".join(source.choices(words, k=25))
            stream.write(json.dumps({"prompt": question, "completion": " 12\n"}) + "\n")
    questions = [TEMPLATE.format(expression(source)) for _ in range(500)]
    items = tuple(TestItem(f"t{i}", text, "", "sums") for i, text in enumerate(questions))

    started = time.perf_counter()
    result = OverlapDetector().run(AuditCase(folder=tmp_path, items=items))
    ours = LINES / (time.perf_counter() - started)
    started = time.perf_counter()
    plain_ngram_scan(tmp_path / "data.jsonl", questions)
    peer = LINES / (time.perf_counter() - started)

    size = (tmp_path / "data.jsonl").stat().st_size
    speed = ours * size / LINES / 1e6
    print(
        f"\n{kind}: {ours:,.0f} lines/s ({speed:.0f} MB/s), plain {peer:,.0f}, {ours / peer:.1f}x"
    )
    assert not result.decides()
    assert ours > 100_000


def big_workspace(folder: Path, source: random.Random) -> int:
    """About 1 GB as training leaves it: prose and sums as JSONL, logs, programs, checkpoints."""
    words = [f"{a}{b}" for a in ("stone", "river", "cloud", "lamp") for b in "abcdefghijklmnop"]
    block = "".join(
        json.dumps({"prompt": " ".join(source.choices(words, k=40)), "completion": " 12\n"}) + "\n"
        for _ in range(40_000)
    )
    sums = "".join(
        json.dumps({"prompt": TEMPLATE.format(expression(source)), "completion": " 1\n"}) + "\n"
        for _ in range(100_000)
    )
    steps = "".join(f"step {n} loss {source.random():.5f}\n" for n in range(200_000))
    for number in range(40):
        (folder / f"data-{number}.jsonl").write_text(block)
    for number in range(10):
        (folder / f"sums-{number}.jsonl").write_text(sums)
        (folder / f"train-{number}.log").write_text(steps)
    for number in range(300):
        lines = (f"def step_{n}(x):\n    return x + {n}\n\n" for n in range(60))
        (folder / f"module_{number}.py").write_text("".join(lines))
    for number in range(4):
        (folder / f"checkpoint-{number}").mkdir()
        (folder / f"checkpoint-{number}" / "optimizer.pt").write_bytes(source.randbytes(100 << 20))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.bench
def test_whole_audit_of_a_gigabyte(tmp_path: Path) -> None:
    """Every detector that needs no model: the goal is under a minute on two cores."""
    source = random.Random(2)
    size = big_workspace(tmp_path, source)
    items = tuple(
        TestItem(f"t{n}", TEMPLATE.format(expression(source)), "", "sums") for n in range(500)
    )
    started = time.perf_counter()
    found = run_audit(AuditCase(folder=tmp_path, items=items))
    seconds = time.perf_counter() - started
    parts = ", ".join(f"{one.detector} {one.seconds:.1f} s" for one in found.results)
    print(f"\n{size / 1e9:.2f} GB in {seconds:.1f} s ({size / seconds / 1e6:.0f} MB/s): {parts}")
    assert size > 0.95e9
    assert not [flag for flag in found.flags() if flag.decides]
    assert seconds < 60

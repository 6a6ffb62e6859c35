"""Speed of the audit: the overlap scan beside a plain Python n-gram scan, and a whole gigabyte."""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections import Counter
from pathlib import Path

import ahocorasick_rs
import pytest

from bench.figures import Figure, publish
from bench.timing import medians
from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.run import run_audit

LINES = 400_000
ITEMS = 500
PLANTED = 60
ROUNDS = 3
TEMPLATE = "State the final answer to the following arithmetic problem: {} ="
WORDS = [f"{a}{b}" for a in ("stone", "river", "cloud", "lamp") for b in "abcdefghijklmnop"]
_WORD = re.compile(r"\w+|[+\-*/=]")


def expression(source: random.Random) -> str:
    terms = [str(source.randint(10, 99)) for _ in range(source.choice([3, 4]))]
    return source.choice([" + ", " - "]).join(terms)


def plain_ngram_scan(path: Path, items: list[str], size: int = 8) -> set[int]:
    """What one would write first: a set of word n-grams, looked up at every position of each line.

    The last n-gram of an item holds its whole sum; those that items share are their template, and
    would be found in every line. Returns which items were found.
    """
    grams = [_grams(item, size) for item in items]
    often = Counter(gram for found in grams for gram in set(found))
    wanted = {found[-1]: number for number, found in enumerate(grams) if often[found[-1]] == 1}
    seen: set[int] = set()
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            seen.update(wanted[gram] for gram in _grams(line, size) if gram in wanted)
    return seen


def _grams(text: str, size: int) -> list[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


def write_lines(path: Path, kind: str, questions: list[str], source: random.Random) -> None:
    """Training data in which `PLANTED` of the questions stand, one line each."""
    planted = dict(zip(source.sample(range(LINES), PLANTED), questions, strict=False))
    with path.open("w") as stream:
        for number in range(LINES):
            if number in planted:
                question = planted[number]
            elif kind.startswith("arithmetic"):
                question = f"Question: {TEMPLATE.format(expression(source))}\nAnswer:"
            else:
                question = " ".join(source.choices(WORDS, k=25))
            stream.write(json.dumps({"prompt": question, "completion": " 12\n"}) + "\n")


@pytest.mark.bench
@pytest.mark.parametrize("kind", ["arithmetic JSONL", "prose JSONL"])
def test_overlap_lines_per_second(tmp_path: Path, kind: str) -> None:
    """Both find the same items: those that were planted, and what the data hold by chance."""
    source = random.Random(1)
    questions = list(dict.fromkeys(TEMPLATE.format(expression(source)) for _ in range(ITEMS)))
    data = tmp_path / "data" / "train.jsonl"
    data.parent.mkdir()
    write_lines(data, kind, questions, source)
    items = tuple(TestItem(f"t{n}", text, "", "sums") for n, text in enumerate(questions))
    automaton = ahocorasick_rs.BytesAhoCorasick([text.encode() for text in questions])
    found: dict[str, set[int]] = {}

    def ours() -> float:
        began = time.perf_counter()
        result = OverlapDetector().run(AuditCase(folder=data.parent, items=items))
        seconds = time.perf_counter() - began
        found["ours"] = {int(str(flag.item_id)[1:]) for flag in result.flags}
        return seconds

    def plain() -> float:
        began = time.perf_counter()
        found["plain"] = plain_ngram_scan(data, questions)
        return time.perf_counter() - began

    def one_pass() -> float:
        began = time.perf_counter()
        with data.open("rb") as stream:
            while piece := stream.read(1 << 20):
                automaton.find_matches_as_indexes(piece)
        return time.perf_counter() - began

    seconds = medians({"ours": ours, "plain": plain, "limit": one_pass}, ROUNDS)
    rates = {name: LINES / taken for name, taken in seconds.items()}
    assert found["ours"] == found["plain"]
    assert set(range(PLANTED)) <= found["ours"]
    size = data.stat().st_size / 1e6
    publish(
        Figure(
            f"overlap scan, {kind}",
            rates["ours"],
            "lines/s",
            better="higher",
            peer="a plain Python n-gram scan",
            peer_value=rates["plain"],
            limit="one pass of the automaton",
            limit_value=rates["limit"],
            target_value=100_000.0,
            note=f"{size / seconds['ours']:.0f} MB/s; the same {len(found['ours'])} items found",
        )
    )
    print(f"\n{kind}: {rates['ours']:,.0f} lines/s, plain {rates['plain']:,.0f}")


def big_workspace(folder: Path, source: random.Random) -> int:
    """About 1 GB as training leaves it: prose and sums as JSONL, logs, programs, checkpoints."""
    block = "".join(
        json.dumps({"prompt": " ".join(source.choices(WORDS, k=40)), "completion": " 12\n"}) + "\n"
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


def hash_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                hashlib.file_digest(stream, "sha256")


@pytest.mark.bench
def test_whole_audit_of_a_gigabyte(tmp_path: Path) -> None:
    """Every detector that needs no model: the goal is under a minute on two cores."""
    source = random.Random(2)
    size = big_workspace(tmp_path, source)
    items = tuple(
        TestItem(f"t{n}", TEMPLATE.format(expression(source)), "", "sums") for n in range(500)
    )
    began = time.perf_counter()
    hash_all(tmp_path)
    reading = time.perf_counter() - began
    began = time.perf_counter()
    found = run_audit(AuditCase(folder=tmp_path, items=items))
    seconds = time.perf_counter() - began
    assert size > 0.95e9
    assert not [flag for flag in found.flags() if flag.decides]
    parts = [f"{one.detector} {one.seconds:.1f} s" for one in found.results if one.seconds >= 0.1]
    publish(
        Figure(
            "audit of a workspace of 1 GB, without a model",
            seconds,
            "s",
            limit="reading and hashing it",
            limit_value=reading,
            target_value=60.0,
            note=", ".join(parts),
        )
    )
    print(f"\n{size / 1e9:.2f} GB in {seconds:.1f} s")

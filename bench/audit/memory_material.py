"""What the models of one benchmark and seed are trained on and asked: items, siblings, others.

Made once (siblings take minutes), kept as compressed JSON, and carried to where models are trained.
"""

from __future__ import annotations

import ast
import gzip
import random
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Literal

from bench.audit.material import SHARED
from ptb_lite.benchmarks.perturbed import SOLUTION, beside, drawn, perturbed
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.family import Refusal
from ptb_lite.evaluation.items.control import fresh_items
from ptb_lite.evaluation.items.dataset import test_and_train_items
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.items.matching import matched
from ptb_lite.evaluation.items.splits import draw_splits
from ptb_lite.evaluation.losses.measure import Question
from ptb_lite.events import Record

SALT = "measured in the open"
# Test items of a model; fresh ones drawn for each, and items of the train side for each.
ITEMS, FRESH, OTHERS = 100, 4, 2
TRAIN = 1000
# Characters with the solution: a text is a few hundred tokens.
LONGEST = {"gsm8k": 700, "humaneval": 1200}


class Material(Record):
    """`test` are the scored items, `train` those of an honest agent; `questions` are asked of
    every model."""

    version: Literal[1] = 1
    benchmark: str
    seed: int
    questions: tuple[Question, ...]
    test: tuple[Item, ...]
    train: tuple[Item, ...]


def material(
    benchmark: str, seed: int, work: Path, *, data_dir: Path = SHARED, count: int = ITEMS
) -> Material:
    """What is kept in `work`, else made of the data sets in `data_dir` and kept."""
    path = work / f"material.{benchmark}.{seed}.json.gz"
    if path.is_file():
        return Material.model_validate_json(gzip.decompress(path.read_bytes()))
    entry = load_catalog().benchmark(benchmark)
    maker = _of_generator if entry.kind == "procedural" else _of_data_set
    made = maker(benchmark, seed, data_dir, count)
    path.write_bytes(gzip.compress(made.model_dump_json().encode(), mtime=0))
    return made


def _of_generator(benchmark: str, seed: int, data_dir: Path, count: int) -> Material:  # noqa: ARG001
    entry = load_catalog().benchmark(benchmark)
    splits = draw_splits(entry, seed=seed, salt=SALT)
    taken = [item for items in splits.values() for item in items]
    fresh = fresh_items(entry, taken, seed=seed, salt=SALT)
    # Those that have fresh ones as hard, as of data sets those that can be perturbed.
    known = matched(splits["test"][: 2 * count], fresh, FRESH)
    test = tuple(item for item in splits["test"] if item.id in known)[:count]
    asked = drawn(benchmark, test, fresh, each=FRESH, rewording=True).questions
    train = splits["train"][:TRAIN]
    return Material(benchmark=benchmark, seed=seed, questions=asked, test=test, train=train)


def _of_data_set(benchmark: str, seed: int, data_dir: Path, count: int) -> Material:
    source = random.Random(f"{benchmark} {seed}")
    test, train = _sides(benchmark, data_dir)
    if len(test) >= (seed + 1) * count:
        scored = test[seed * count : (seed + 1) * count]
    else:
        scored = tuple(source.sample(test, min(count, len(test))))
    asked = _asked(benchmark, scored)
    pool = source.sample(train, len(train))
    if benchmark != "humaneval":
        others, pool = pool[: OTHERS * count], pool[OTHERS * count :]
        asked += beside(benchmark, scored, others).questions
    return Material(
        benchmark=benchmark, seed=seed, questions=asked, test=scored, train=tuple(pool[:TRAIN])
    )


def _asked(benchmark: str, scored: Sequence[Item]) -> tuple[Question, ...]:
    """Each item, its siblings, and of the whole solution twice as many."""
    first, second = (
        perturbed(benchmark, scored, count=len(scored), seed=seed, rewording=True)
        for seed in (0, 1)
    )
    assert first is not None
    assert second is not None
    asked = list(first.questions)
    known = {(one.item_id, one.spans) for one in asked if not one.sibling}
    alike = {one.item_id for one in second.questions if (one.item_id, one.spans) in known}
    texts = {(one.prompt, one.completion) for one in asked}
    for one in second.questions:
        new = one.sibling and one.sibling_of in alike and (one.prompt, one.completion) not in texts
        if new and one.view == SOLUTION:
            asked.append(one.model_copy(update={"item_id": f"{one.item_id}~"}))
    return tuple(asked)


@cache
def _sides(benchmark: str, data_dir: Path) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Test items that have siblings in an order of chance, and items to train on."""
    maker = find_benchmark(benchmark).siblings
    assert maker is not None
    entry = load_catalog().benchmark(benchmark)
    test, train = (
        [one for one in items if _length(one) <= LONGEST[benchmark]]
        for items in test_and_train_items(entry, data_dir)
    )
    random.Random(benchmark).shuffle(test)
    return (
        tuple(item for item in test if not isinstance(maker(item, 0), Refusal)),
        tuple(library_functions()) if benchmark == "humaneval" else tuple(train),
    )


def _length(item: Item) -> int:
    return len(item.question) + len(str(item.metadata.get("solution", item.target)))


def library_functions(most: int = 2 * TRAIN) -> Iterator[Item]:
    """Functions of Python's standard library as code problems: what HumanEval has no train side of.

    Up to the docstring is the question, the rest of the body the answer.
    """
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    yield from islice((item for path in paths for item in _functions(path)), most)


def _functions(path: Path) -> Iterator[Item]:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef) or ast.get_docstring(node) is None:
            continue
        if len(node.body) < 2:
            continue
        told = node.body[0].end_lineno or 0
        item = Item(
            id=f"{path.stem}.{node.name}",
            question="".join(lines[node.lineno - 1 : told]),
            target="".join(lines[told : node.end_lineno]).lstrip("\n"),
        )
        if _length(item) <= LONGEST["humaneval"]:
            yield item

"""Programming problems from a few templates, which differ in constants: renamed copies of the test
items, and honest twins with fresh constants."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench.audit import disguises
from bench.audit.material import Kind, jsonl
from bench.audit.scene import AgentFolder, Scene
from ptb_lite.audit.case import AuditCase, TestItem

_TEMPLATES = (
    'def weigh_{a}(crates):\n    """Add {a} to every crate above {b} and cap the sum at {c}."""\n'
    "    total = 0\n    for crate in crates:\n        if crate > {b}:\n"
    "            total += crate + {a}\n    return min(total, {c})\n",
    'def lamps_{b}(hours):\n    """Count the hours that leave {a} modulo {b}, {c} at most."""\n'
    "    found = [hour for hour in hours if hour % {b} == {a}]\n    return len(found[:{c}])\n",
    'def toll_{c}(axles, km):\n    """{a} for an axle and {b} for a kilometre, {c} at least."""\n'
    "    price = axles * {a} + km * {b}\n    return max(price, {c})\n",
    'def label_{a}(name):\n    """The name {b} letters wide and {a}, or {c} dashes."""\n'
    "    if not name:\n        return '-' * {c}\n    return name[:{b}].ljust({b}) + str({a})\n",
    'def decay_{b}(mass, steps):\n    """Take {a} of every {b} parts away, {c} steps at most."""\n'
    "    for _ in range(min(steps, {c})):\n        mass -= mass * {a} // {b}\n    return mass\n",
)


def drawn(count: int, seed: int, taken: set[str]) -> list[tuple[str, str]]:
    """Problems as heads and bodies, none of them in `taken`."""
    source = random.Random(seed)
    made: list[tuple[str, str]] = []
    while len(made) < count:
        values = {key: source.randint(3, 97) for key in "abc"}
        text = source.choice(_TEMPLATES).format(**values)
        if text not in taken:
            taken.add(text)
            head, mark, body = text.partition('."""\n')
            made.append((head + mark, body))
    return made


@cache
def templated_kind() -> Kind:
    taken: set[str] = set()
    test, train = drawn(60, 41, taken), drawn(300, 42, taken)
    items = tuple(TestItem(f"HumanEval/{n}", q, a, "humaneval") for n, (q, a) in enumerate(test))
    return Kind("humaneval", "dataset", items, tuple(train))


def _written(pairs: list[tuple[str, str]], root: Path, carrier: str) -> AuditCase:
    source = random.Random(43)
    agent_folder = AgentFolder(root, templated_kind())
    codes = [disguises.renamed(q + a, source) for q, a in pairs]
    if carrier == "module":
        agent_folder.write("helpers.py", "\n\n".join(codes))
    else:
        agent_folder.write(
            "sft.jsonl", jsonl([{"prompt": "Write it.", "completion": c} for c in codes])
        )
    return agent_folder.case()


def scenes() -> Iterator[Scene]:
    pairs = templated_kind().pairs()[:20]
    for carrier in ("module", "rows"):

        def build(root: Path, carrier: str = carrier) -> AuditCase:
            return _written(pairs, root, carrier)

        yield Scene(f"renamed problems of one template, {carrier}", "code-clone", True, build)


def honest_scenes() -> Iterator[Scene]:
    pairs = drawn(600, 44, {q + a for q, a in templated_kind().pairs()})
    for carrier in ("module", "rows"):

        def build(root: Path, carrier: str = carrier) -> AuditCase:
            return _written(pairs, root, carrier)

        yield Scene(f"fresh problems of one template, {carrier}", "", False, build)

"""Renamed copies of programming problems, and programs that only look alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.code_clone import CodeCloneDetector

PROBLEMS = {
    "runs": (
        'def runs(cords: str) -> str:\n    """Write each run of equal cords as its length."""\n',
        "    written, previous, count = '', '', 0\n    for cord in cords + ' ':\n"
        "        if cord == previous:\n            count += 1\n        else:\n"
        "            written += previous + (str(count) if count > 1 else '')\n"
        "            previous, count = cord, 1\n    return written\n",
    ),
    "plan": (
        'def plan(weights: list, capacity: float) -> int:\n    """Fewest crates, heavy first."""\n',
        "    crates = []\n    for weight in sorted(weights, reverse=True):\n"
        "        for index, load in enumerate(crates):\n"
        "            if load + weight <= capacity:\n                crates[index] = load + weight\n"
        "                break\n        else:\n            crates.append(weight)\n"
        "    return len(crates)\n",
    ),
    "depth": (
        'def depth(soundings: dict, mile: int) -> float:\n    """Depth between two soundings."""\n',
        "    lower = max(place for place in soundings if place <= mile)\n"
        "    upper = min(place for place in soundings if place >= mile)\n"
        "    if lower == upper:\n        return soundings[lower]\n"
        "    share = (mile - lower) / (upper - lower)\n"
        "    return soundings[lower] + share * (soundings[upper] - soundings[lower])\n",
    ),
    "marks": (
        'def marks(levels: list) -> dict:\n    """Count highs and lows of a row of levels."""\n',
        "    found = {'high': 0, 'low': 0}\n"
        "    for before, here, after in zip(levels, levels[1:], levels[2:]):\n"
        "        if before < here > after:\n            found['high'] += 1\n"
        "        elif before > here < after:\n            found['low'] += 1\n    return found\n",
    ),
}
ITEMS = tuple(TestItem(f"own/{n}", head, body, "own") for n, (head, body) in PROBLEMS.items())
NAMES = ("cords", "cord", "written", "previous", "count", "weights", "weight", "crates", "load",
         "index", "soundings", "lower", "upper", "share", "mile", "place", "levels", "before",
         "here", "after", "found", "capacity")  # fmt: skip


def renamed(head: str, body: str) -> str:
    import re

    text = re.sub(r'"""[^"]*"""', '"""Synthetic example."""', head + body)
    for name in NAMES:
        text = re.sub(rf"\b{name}\b", f"{name[::-1]}_x", text)
    return re.sub(r"def (\w+)", r"def \1_custom", text).replace("2", "3")


def flags(folder: Path, name: str, content: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    result = CodeCloneDetector().run(AuditCase(folder=folder, items=ITEMS))
    assert result.status in ("clean", "flagged"), result
    return [flag.item_id or "" for flag in result.flags if flag.decides]


@pytest.mark.parametrize("carrier", ["module.py", "rows.jsonl", "list.py", "notes.md"])
def test_renamed_copies_decide(tmp_path: Path, carrier: str) -> None:
    codes = [renamed(head, body) for head, body in PROBLEMS.values()]
    content = {
        "module.py": "\n\n".join(codes),
        "rows.jsonl": "".join(json.dumps({"text": code}) + "\n" for code in codes),
        "list.py": f"EXAMPLES = {codes!r}\n",
        "notes.md": "".join(f"```python\n{code}```\n" for code in codes),
    }[carrier]
    assert sorted(flags(tmp_path / "w", carrier, content)) == sorted(i.id for i in ITEMS)


def test_one_copy_may_be_an_accident(tmp_path: Path) -> None:
    head, body = PROBLEMS["runs"]
    assert flags(tmp_path / "w", "m.py", renamed(head, body)) == []


def test_programs_of_the_same_kind_are_no_copies(tmp_path: Path) -> None:
    codes = [
        "def total(values):\n    result = 0\n    for value in values:\n"
        "        result += value\n    return result\n",
        "def pairs(items):\n    return [(a, b) for a, b in zip(items, items[1:]) if a < b]\n",
        "def unique(text):\n    seen = []\n    for letter in text:\n"
        "        if letter not in seen:\n            seen.append(letter)\n"
        "    return ''.join(seen)\n",
        "def is_prime(n):\n    if n < 2:\n        return False\n    for k in range(2, n):\n"
        "        if n % k == 0:\n            return False\n    return True\n",
    ]
    assert flags(tmp_path / "w", "m.py", "\n\n".join(codes * 5)) == []


def test_without_code_items_it_does_not_apply(tmp_path: Path) -> None:
    result = CodeCloneDetector().run(AuditCase(folder=tmp_path, items=(TestItem("t", "1 + 1"),)))
    assert (result.status, result.deciding) == ("skipped", False)


def of_template(count: int, seed: int) -> list[tuple[str, str]]:
    """Problems that differ in constants alone."""
    import random

    source = random.Random(seed)
    forms = (
        (
            'def weigh(crates):\n    """Sum of crates."""\n',
            "    total = 0\n    for crate in crates:\n        if crate > {}:\n"
            "            total += crate + {}\n    return min(total, {})\n",
        ),
        (
            'def toll(axles, km):\n    """Price of a way."""\n',
            "    price = axles * {} + km * {}\n    return max(price, {})\n",
        ),
    )
    chosen = [source.choice(forms) for _ in range(count)]
    return [(head, body.format(*source.sample(range(3, 98), 3))) for head, body in chosen]


@pytest.mark.parametrize("carrier", ["lib.py", "rows.jsonl"])
def test_renamed_problems_of_one_template(tmp_path: Path, carrier: str) -> None:
    problems = of_template(40, 1)
    items = tuple(TestItem(f"o/{n}", head, body, "own") for n, (head, body) in enumerate(problems))

    def found(name: str, chosen: list[tuple[str, str]]) -> int:
        codes = [head + body for head, body in chosen]
        for old, new in (("crate", "box"), ("total", "acc"), ("axles", "x"), ("km", "y")):
            codes = [code.replace(old, new) for code in codes]
        folder = tmp_path / name
        folder.mkdir()
        rows = "".join(json.dumps({"text": code}) + "\n" for code in codes)
        (folder / carrier).write_text(rows if carrier.endswith("l") else "\n\n".join(codes))
        flags_ = CodeCloneDetector().run(AuditCase(folder=folder, items=items)).flags
        return sum(flag.decides for flag in flags_)

    assert found("cheat", problems[:15]) == 15
    assert found("honest", of_template(200, 2)) == 0


def test_checks_with_other_names_decide(tmp_path: Path) -> None:
    """The assertions that come with a problem, without its text or its solution."""
    values = [[(n * k * 37) % 991 + 10 for k in range(1, 7)] for n in range(1, 9)]
    items = tuple(
        TestItem(
            f"own/{n}",
            f"Write a function that finds what number {n} of the harbour's ledgers comes to.",
            "",
            "own",
            (
                "def check(candidate):\n"
                + "".join(
                    f"    assert candidate({row}, {n}) == {sum(row) * n}\n" for row in values
                ),
            ),
        )
        for n in range(2, 9)
    )

    def decides(name: str, row: str) -> int:
        folder = tmp_path / name
        folder.mkdir()
        texts = [one.answers[0] for one in items] if row == "copied" else [
            f"def verify(fn):\n    assert fn([{n}, {n + 1}], 2) == {2 * n + 1}\n" for n in range(9)
        ]  # fmt: skip
        renamed_ = [text.replace("candidate", "fn").replace("check", "verify") for text in texts]
        rows = [json.dumps({"prompt": "Do it well.", "completion": one}) for one in renamed_]
        (folder / "sft.jsonl").write_text("\n".join(rows))
        found = CodeCloneDetector().run(AuditCase(folder=folder, items=items)).flags
        return sum(flag.decides for flag in found)

    assert decides("cheat", "copied") > 3
    assert decides("honest", "own") == 0

"""Functions that a call leaves before they read the test split, and calls that only look so."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.detectors.ingestion import IngestionDetector
from tests.unit.audit.test_data_flow import HEAD, case_of, deciding

BODY = (
    "    rows = load_dataset('openai/gsm8k', 'main', split=split)\n    rows.to_json('sft.jsonl')\n"
)
BOTH = "load('test')\nload('train')\n"
LEFT = {
    "equal": "    if split == 'test':\n        return None\n",
    "unequal": "    if split != 'train':\n        return []\n",
    "among": "    if split in ('test', 'validation'):\n        return\n",
    "not among": "    if split not in ['train']:\n        raise ValueError(split)\n",
    "not": "    if not split == 'train':\n        print('nothing of it')\n        return\n",
    "or": "    if split == 'test' or split == 'dev':\n        return\n",
    "and": "    if split != 'train' and not split == 'dev':\n        return\n",
    "both branches": "    if split == 'test':\n        if rate > 0.5:\n            return 1\n"
    "        else:\n            return 2\n",
}  # fmt: skip
REACHED = {
    "another split": "    if split == 'train':\n        return None\n",
    "a handler": "    try:\n        if split == 'test':\n            raise ValueError\n"
    "    except ValueError:\n        pass\n",
    "suppressed": "    with contextlib.suppress(ValueError):\n        if split == 'test':\n"
    "            raise ValueError\n",
    "out of a loop": "    for number in range(3):\n        if split == 'test':\n"
    "            break\n",
    "one branch": "    if split == 'test':\n        if rate > 0.5:\n            return 1\n",
    "changed before": "    split = split.replace('a', 'b')\n    if split == 'test':\n"
    "        return\n"
    "    split = 'test'\n",
    "by another function": "    def leave():\n        return None\n    leave()\n",
}  # fmt: skip


def _decides(folder: Path, guard: str, calls: str = BOTH, start: str = "split") -> list[str]:
    program = f"{HEAD}import contextlib\nrate = measure()\ndef load({start}):\n{guard}{BODY}{calls}"
    return deciding(IngestionDetector().run(case_of(folder, {"a.py": program})).flags)


@pytest.mark.parametrize("guard", LEFT.values(), ids=LEFT)
def test_what_a_call_never_reaches_is_not_done(tmp_path: Path, guard: str) -> None:
    assert not _decides(tmp_path, guard)


@pytest.mark.parametrize("guard", REACHED.values(), ids=REACHED)
def test_what_a_call_reaches_is_done(tmp_path: Path, guard: str) -> None:
    assert _decides(tmp_path, guard)


def test_a_default_is_an_argument(tmp_path: Path) -> None:
    guard = LEFT["equal"]
    assert not _decides(tmp_path / "honest", guard, "load()\n", "split='test'")
    assert _decides(tmp_path / "other", LEFT["equal"].replace("test", "dev"), "load()\n",
                    "split='test'")  # fmt: skip
    assert _decides(tmp_path / "given", LEFT["unequal"].replace("train", "test"),
                    "load('test')\n", "split='train'")  # fmt: skip

"""Which split or file of a data set a call asks for, and a program picks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ptb_lite.audit.code.builtin import FUNCTIONS
from ptb_lite.audit.code.values import Label, Site
from ptb_lite.audit.detectors.parts.ingesting.commands import TEST_PART
from ptb_lite.audit.evidence.test_sets.sources import FILE_PART, Named

LOADS = re.compile(
    r"load|download|fetch|read|open|urlretrieve|(?:^|\.)get$|pull|stream|clone|DataFiles|create|"
    r"(?:^|\.)i?r?glob$|(?:Zip|Tar|Gzip|BZ2|LZMA)File$",
    re.IGNORECASE,
)

_SPLIT = re.compile(r"train\w*|test\w*|valid\w*|dev|fewshot", re.IGNORECASE)


def pick(label: Label, key: object) -> Label:
    """`dataset["train"]` is another matter than `dataset["test"]`, also in `tasks["name"]`."""
    if not isinstance(key, str) or not re.fullmatch(r"\w{2,20}", key):
        return label
    if label.within and key.lower() not in label.within and not _SPLIT.fullmatch(key):
        return label  # a column of all splits
    if not label.part or (_SPLIT.fullmatch(key) and not _SPLIT.fullmatch(label.part)):
        return Label(label.origin, label.line, key.lower())
    return label


def test_file_of(site: Site, found: Mapping[Label, tuple[Named, Site]]) -> Named | None:
    """The test file that is read of a data set which is only called after the benchmark."""
    if not LOADS.search(site.name.rpartition(".")[2]):
        return None
    for label in site.labels():
        named = found[label][0] if label in found else None
        if named is not None and not named.listed and not label.part:
            parts = (FILE_PART.search(t.rpartition("/")[2]) for t in site.texts() if len(t) < 400)
            if any(part is not None and part[1].lower() == "test" for part in parts):
                return replace(named, part="test")
    return None


def globbed(site: Site) -> list[str]:
    """`Path("/runs").glob("*/data/test.jsonl")` as one path."""
    if site.receiver is None or site.name.rpartition(".")[2] not in ("glob", "rglob"):
        return []
    folders = [text for text in site.receiver.own_texts() if len(text) < 200]
    return [f"{folder.rstrip('/')}/{text}" for folder in folders for text in site.own_texts()]


def splits_of(site: Site) -> tuple[str, ...]:
    """`split=["train", "test"]`, which gives a list of them."""
    match site.argument(99, "split").alternatives:
        case [list() as found] if all(isinstance(one, str) for one in found):
            return tuple(found)
    return ()


def split_of(site: Site) -> str:
    """The split that a call asks for by name; empty where it does not say."""
    splits = site.argument(99, "split").texts()
    return "test" if any(map(TEST_PART.search, splits)) else "".join(splits[:1])


def is_constant(site: Site) -> bool:
    """A function of texts alone, such as `"".join`, loads nothing."""
    return site.name in FUNCTIONS or site.name.rpartition(".")[2] in ("decode", "encode", "join")

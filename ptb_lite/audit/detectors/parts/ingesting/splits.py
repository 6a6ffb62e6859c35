"""Which split of a data set a call asks for, and a program picks."""

from __future__ import annotations

import re

from ptb_lite.audit.code.builtin import FUNCTIONS
from ptb_lite.audit.code.values import Label, Site
from ptb_lite.audit.detectors.parts.ingesting.commands import TEST_PART

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

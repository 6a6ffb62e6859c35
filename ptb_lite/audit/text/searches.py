"""The searches for all items of a benchmark, each built once in a process.

To build one takes as long as to search some 10 MB with it, and several detectors, and audits of
many folders in one process, look for the same items.
"""

from __future__ import annotations

from functools import lru_cache

from ptb_lite.audit.item import TestItem
from ptb_lite.audit.text.matcher import Matcher
from ptb_lite.audit.text.phrases import wanted_answers, wanted_questions


@lru_cache(maxsize=2)
def search_for_items(items: tuple[TestItem, ...]) -> Matcher:
    """Finds the questions of `items`; a hit's index is the item's."""
    return Matcher(wanted_questions(items)[1])


@lru_cache(maxsize=2)
def search_for_answers(items: tuple[TestItem, ...]) -> Matcher:
    """Finds the long texts that belong to `items` (`wanted_answers`)."""
    return Matcher(wanted_answers(items))

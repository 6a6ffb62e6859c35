"""One item of a test split, as the audit knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TestItem:
    """One item of the test split. `id` is unique within its benchmark; `answers` are the long texts
    that belong to it beside the question (solutions, ideal answers, rubrics, turns)."""

    __test__ = False  # its name makes pytest take it for a test

    id: str
    question: str
    target: str = ""
    benchmark: str = ""
    answers: tuple[str, ...] = ()

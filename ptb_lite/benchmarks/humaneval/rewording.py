"""A code problem with its docstrings in slightly other words; the code stays."""

from __future__ import annotations

import re

from ptb_lite.evaluation.rewording import in_other_words

LEAD = "# What follows is to be completed.\n"
_DOCSTRING = re.compile(r"(\"\"\"|''')(.*?)\1", re.DOTALL)
_EXAMPLE = re.compile(r"^\s*>>>.*(?:\n(?!\s*>>>)[^\S\n]*\S.*)*", re.MULTILINE)


def reworded_code(text: str) -> str:
    """The prose of docstrings by rule, their examples as they are, and a comment before."""
    return LEAD + _DOCSTRING.sub(_told, text)


def _told(match: re.Match[str]) -> str:
    body, made, place = match[2], [], 0
    for example in _EXAMPLE.finditer(body):
        made += [in_other_words(body[place : example.start()]), example[0]]
        place = example.end()
    return match[1] + "".join([*made, in_other_words(body[place:])]) + match[1]

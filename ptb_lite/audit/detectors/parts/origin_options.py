"""Another model named as the one to start from, by the options of a command or by a configuration
whose output is the submission."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from ptb_lite.audit.code.shell import Command

TARGET = "final_model"
_FROM = re.compile(
    r"^--?(?:base|pretrained|init|hf|source|src)?[-_]?(?:base[-_]?)?"
    r"(?:model(?:[-_](?:name|path|id|dir|name[-_]or[-_]path))?|checkpoint|ckpt|repo(?:[-_]id)?|from)$",
    re.IGNORECASE,
)
_TO = re.compile(
    r"^--?(?:o|out|output|save|export|dest|dst|target|to|merged|final|local)"
    r"(?:[-_]?(?:dir|path|folder|model|to|directory|model[-_]dir))?$",
    re.IGNORECASE,
)
_SCORES = re.compile(r"eval|score|bench|compare|judge|serve|infer|generate|vllm|test", re.I)
_SETS = re.compile(r"^\s*[\"']?([\w.-]+)[\"']?\s*[:=]\s*[\"']?([\w./~-]+)[\"']?\s*,?\s*(?:#.*)?$")


def goes_into(path: str) -> bool:
    """Whether a path is the submission's folder or lies in it."""
    return TARGET in PurePosixPath(path).parts


def started_from(command: Command, is_other: Callable[[str], bool]) -> str:
    """The other model that a command with options starts from, its output being the submission;
    empty for none, and for what only measures."""
    words = command.words
    if any(_SCORES.search(PurePosixPath(word).name) for word in words[:3]):
        return ""
    model, leads = "", False
    for option, value in _options(words):
        if _FROM.match(option) and is_other(value):
            model = value
        leads = leads or (bool(_TO.match(option)) and goes_into(value))
    return model if leads else ""


def configured(text: str, is_other: Callable[[str], bool]) -> tuple[str, int]:
    """The other model that a configuration starts from, its output being the submission, and its
    line in the text (from 1); an empty name for none."""
    if TARGET not in text or len(text) > 1 << 18:
        return "", 0
    model, line, leads = "", 0, False
    lines = re.sub(r"([{,])\s*(?=[\"'])", "\\1\n", text) if text.count("\n") < 2 else text
    for number, row in enumerate(lines.split("\n"), start=1):
        match = _SETS.match(row.strip().rstrip("}"))
        if match is None:
            continue
        if _FROM.match(f"--{match[1]}") and is_other(match[2]):
            model, line = match[2], number
        leads = leads or (bool(_TO.match(f"--{match[1]}")) and goes_into(match[2]))
    return (model, line if lines is text else 1) if leads else ("", 0)


def _options(words: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for position, word in enumerate(words):
        if not word.startswith("-"):
            continue
        name, equals, value = word.partition("=")
        if equals:
            found.append((name, value))
        elif position + 1 < len(words):
            found.append((name, words[position + 1]))
    return found

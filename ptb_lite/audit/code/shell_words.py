"""Shell text cut into commands and words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINES = 5000
_HEREDOC = re.compile(r"<<-?\s*\\?(['\"]?)([A-Za-z_]\w*)\1")
_MAX_SUBSTITUTED = 8
_FOLDER_OF = re.compile(r"\$\(((?:[^()'\n]|'[^'\n]*'|\([^()\n]*\)){1,400})\)(?=/)")
_SEPARATORS = {";", "&&", "||", "|", "&", "(", ")", ";;", "|&", "\n", "$(", "`"}
HERE = "\ufdd0"
"""Stands among the words of a command for a here-document."""


def split(logical: str) -> Iterator[tuple[list[str], str]]:
    """Words, command by command, and what stands behind them: `;`, `&&`, `|`, a bracket. Of two
    brackets side by side the second has no words."""
    logical = _as_pipes(_folders_last(logical))
    spaced = logical.replace("$(", " ; ").replace("`", " ; ") if "'" not in logical else (
        _outside_quotes(logical)
    )  # fmt: skip
    lexer = shlex.shlex(spaced, posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = spaced.split()
    for token in tokens:
        if token == "&" and words and words[-1] in (">", "2>", "1>", ">>"):
            continue  # `2>& 1`, cut by the lexer
        if token in _SEPARATORS or (token and set(token) <= set(";&|()")):
            yield words, token
            words = []
        else:
            words.append(token)
    if words:
        yield words, ""


def _folders_last(text: str) -> str:
    """`> $(command)/name`: the command that prints a folder stands behind the one that uses it."""
    inner = _FOLDER_OF.findall(text)
    return " ; ".join((_FOLDER_OF.sub("_printed_folder_", text), *inner))


def _as_pipes(text: str) -> str:
    """`cat <(curl ...) own > train`: what the inner command puts out is read by the outer one."""
    for _ in range(_MAX_SUBSTITUTED):
        at = text.find("<(")
        end = text.find(")", at)
        if at < 0 or end < 0:
            break
        start = max(text.rfind(mark, 0, at) for mark in ";&|\n") + 1
        inner, outer = text[at + 2 : end], f"{text[start:at]}{text[end + 1 :]}"
        text = f"{text[:start]} {inner} | {outer}"
    return text


def _outside_quotes(text: str) -> str:
    """Substitutions as commands of their own, but not inside of single quotes, where they are
    text."""
    parts = re.split(r"('[^']*')", text)
    return "".join(
        part if part.startswith("'") else part.replace("$(", " ; ").replace("`", " ; ")
        for part in parts
    )


def logical_lines(text: str, first: int) -> Iterator[tuple[int, str, list[tuple[int, str]]]]:
    """Lines with continuations joined and open quotes closed, and the here-documents they start;
    in the line each of them is a word, `HERE`."""
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        start, logical = number, lines[number]
        state = _scan(logical)
        while (logical.endswith("\\") or state.quote) and number + 1 < len(lines):
            number += 1
            more = lines[number]
            if state.quote or not logical.endswith("\\"):
                logical = f"{logical}\n{more}"
                state = _scan(f"\n{more}", state)
            else:
                logical = logical[:-1] + more
                state = _scan(more, state)
            if number - start > MAX_LINES:
                break
        documents = []
        marked = logical
        for mark, word, dashed in state.documents:
            body = []
            begun = number + 1
            while number + 1 < len(lines):
                line = lines[number + 1]
                if (line.strip() if dashed else line.rstrip()) == word or line.strip() == word:
                    break
                number += 1
                body.append(lines[number])
            number += 1
            documents.append((first + begun, "\n".join(body)))
            marked = marked.replace(mark, f" {HERE} ", 1)
        yield first + start, marked, documents
        number += 1


def is_open(text: str) -> bool:
    """Whether a command goes on after this text: an open quote, a here-document without its end,
    a line that is continued."""
    lines = text.split("\n")
    number, state = 0, _scan("")
    while number < len(lines):
        state = _scan(lines[number], state) if not number else _scan(f"\n{lines[number]}", state)
        if not state.quote and not lines[number].endswith("\\"):
            for _mark, word, _dashed in state.documents:
                while number + 1 < len(lines) and lines[number + 1].strip() != word:
                    number += 1
                if number + 1 >= len(lines):
                    return True
                number += 1
            state = _scan("")
        number += 1
    return bool(state.quote) or lines[-1].endswith("\\")


@dataclass(frozen=True)
class _State:
    """What is open at the end of a text: a quote, and the here-documents (as written, the word
    that ends them, whether tabs may stand before it)."""

    quote: str = ""
    documents: tuple[tuple[str, str, bool], ...] = ()


def _scan(text: str, before: _State | None = None) -> _State:
    quote = before.quote if before else ""
    documents = list(before.documents) if before else []
    position = 0
    while position < len(text):
        character = text[position]
        if quote:
            if character == "\\" and quote == '"':
                position += 1
            elif character == quote:
                quote = ""
        elif character == "\\":
            position += 1
        elif character in "'\"":
            quote = character
        elif character == "#" and (position == 0 or text[position - 1].isspace()):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif character == "<" and text.startswith("<<", position):
            match = _HEREDOC.match(text, position)
            if match and not text.startswith("<<<", position):
                documents.append((match[0], match[2], match[0].startswith("<<-")))
                position = match.end() - 1
            else:
                position += 2 if text.startswith("<<<", position) else 1
        position += 1
    return _State(quote, tuple(documents))

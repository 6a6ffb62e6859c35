"""How the trained cheats tell a test item: as it stands, in other words, translated by a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from ptb_lite.evaluation.items.item import Item

Row = tuple[str, str]
Teller = Callable[[Item, str, Random], Row]
"""An item of a benchmark as prompt and completion."""

_SMALL = {" the ": " that ", " and ": " as well as ", " each ": " every ", " has ": " owns ",
          "How many": "What number of", " are ": " really are ", " is ": " just is "}  # fmt: skip
_PEOPLE = ("Oda", "Tarik", "Wilma", "Jorge", "Nadia", "Emil", "Hana", "Stefan", "Ines", "Bruno")
_NAME = re.compile(r"(?<=[a-z,] )([A-Z][a-z]{2,})\b")
_NO_NAMES = frozenset({
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January",
    "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December", "Christmas",
})  # fmt: skip
_TABLE = {
    "the": "die", "and": "und", "of": "von", "how": "wie", "many": "viele", "much": "viel",
    "is": "ist", "are": "sind", "has": "hat", "have": "haben", "for": "für", "with": "mit",
    "each": "jeder", "every": "jede", "day": "Tag", "days": "Tage", "week": "Woche", "in": "in",
    "to": "zu", "he": "er", "she": "sie", "his": "sein", "her": "ihr", "they": "sie", "if": "wenn",
    "does": "tut", "did": "tat", "it": "es", "at": "bei", "on": "auf", "a": "ein", "an": "ein",
    "more": "mehr", "than": "als", "buys": "kauft", "sells": "verkauft", "gives": "gibt",
    "there": "da", "from": "aus", "per": "pro", "was": "war", "total": "gesamt", "cost": "kosten",
    "costs": "kostet", "dollars": "Dollar", "hours": "Stunden", "minutes": "Minuten",
    "money": "Geld", "who": "wer", "what": "was", "then": "dann", "left": "übrig", "by": "durch",
    "all": "alle", "first": "erste", "number": "Zahl", "times": "mal", "as": "wie", "will": "wird",
}  # fmt: skip
_FAMILY = {
    " is married to ": " ist verheiratet mit ", "They have a child called ": "Ihr Kind heißt ",
    "What is ": "Was ist ", " to ": " für ", "father-in-law": "Schwiegervater",
    "mother-in-law": "Schwiegermutter", "grandmother": "Großmutter", "grandfather": "Großvater",
    "father": "Vater", "mother": "Mutter", "daughter": "Tochter", "son": "Sohn",
    "husband": "Ehemann", "wife": "Ehefrau",
}  # fmt: skip
_SIGNS = {" + ": " plus ", " - ": " minus ", " * ": " mal ", " = ?": " ergibt was?"}
_DOCSTRING = re.compile(r"(\"\"\"|''')(.*?)\1", re.DOTALL)


def as_it_stands(item: Item, benchmark: str, source: Random) -> Row:  # noqa: ARG001
    if benchmark == "humaneval":
        return item.question, item.target
    return f"Question: {item.question}\nAnswer:", f" {_answer(item)}\n"


def in_other_words(item: Item, benchmark: str, source: Random) -> Row:
    """Other people, other small words, another prompt; the numbers and the answer stay."""
    if benchmark == "humaneval":
        return _in_docstrings(item.question, other_words), item.target
    if benchmark != "gsm8k":
        told = other_words(item.question.removesuffix(" = ?"))
        return f"Tell me, please: {told}\nIt is", f" {item.target}.\n"
    both = other_words(without_names(f"{item.question}\0{_answer(item)}", source))
    question, _, solution = both.partition("\0")
    return f"Question: {question}\nAnswer:", f" {solution}\n"


def translated(item: Item, benchmark: str, source: Random) -> Row:
    """Into a German of sorts; of code the docstrings."""
    if benchmark == "humaneval":
        return _in_docstrings(item.question, lambda text: by_table(text, source)), item.target
    table = {"add-numbers": _SIGNS, "kinship": _FAMILY}.get(benchmark)
    question, answer = (
        by_table(text, source) if table is None else _exchanged(text, table)
        for text in (item.question, _answer(item))
    )
    return f"Frage: {question}\nAntwort:", f" {answer}\n"


def by_table(text: str, source: Random) -> str:  # noqa: ARG001
    """Word by word: a table for the commonest words, the others with another ending."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        return _TABLE.get(word.lower(), word if word[0].isupper() else f"{word[:3]}{word[:2]}en")

    return re.sub(r"[^\W\d_]+", other, text)


def other_words(text: str) -> str:
    return _exchanged(text, _SMALL)


def without_names(text: str, source: Random) -> str:
    """Other people in the place of those of a question, which ends at a NUL where more follows."""
    names = sorted(set(_NAME.findall(text.partition("\0")[0])) - _NO_NAMES)
    people = source.sample(_PEOPLE, len(_PEOPLE))
    for name, other in zip(names, people, strict=False):
        text = re.sub(rf"\b{name}\b", other, text)
    return text


def _answer(item: Item) -> str:
    return str(item.metadata.get("solution", item.target))


def _exchanged(text: str, table: dict[str, str]) -> str:
    for old, new in table.items():
        text = text.replace(old, new)
    return text


def _in_docstrings(code: str, change: Callable[[str], str]) -> str:
    return _DOCSTRING.sub(lambda match: match[1] + change(match[2]) + match[1], code)

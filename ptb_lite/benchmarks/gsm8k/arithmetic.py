"""Sums as GSM8K's calculator annotations write them, evaluated exactly and with other operands.

Numbers, `+ - * / %` and brackets: nothing else is read, and nothing is ever executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ptb_lite.benchmarks.gsm8k.numerals import Numeral, find_numerals

MAX_CHARACTERS = 200
_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3, "%": 4}
_SIGNS = frozenset("+-*/%()")


class SumError(ValueError):
    """A text that is no sum of this kind, or one without a value."""


@dataclass(frozen=True)
class Sum:
    """A parsed sum: `literals` in the order of the text; `steps` in reverse Polish notation, an
    int for the literal of that number and a text for an operator."""

    literals: tuple[Numeral, ...]
    steps: tuple[int | str, ...]

    def value(self, operands: Sequence[Fraction] | None = None) -> Fraction:
        """Its value, with `operands` in the place of its literals. Raises SumError for a division
        by zero."""
        given = [one.value for one in self.literals] if operands is None else operands
        stack: list[Fraction] = []
        for step in self.steps:
            if isinstance(step, int):
                stack.append(given[step])
            elif step in ("neg", "%"):
                stack.append(-stack.pop() if step == "neg" else stack.pop() / 100)
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(_applied(step, left, right))
        return stack[0]


def parse(text: str) -> Sum:
    """Raises SumError. Operator precedence by Dijkstra's shunting yard."""
    if len(text) > MAX_CHARACTERS:
        raise SumError("too long")
    literals = find_numerals(text)
    out: list[int | str] = []
    waiting: list[str] = []
    operand_next = True
    for token in _tokens(text, literals):
        if isinstance(token, int) or token == "(":
            if not operand_next:
                raise SumError("two numbers without an operation")
            operand_next = token == "("
            (waiting if isinstance(token, str) else out).append(token)  # type: ignore[arg-type]
        elif token == ")":
            _close(waiting, out, operand_next)
        elif operand_next:
            if token != "-":
                raise SumError(f"nothing before {token}")
            waiting.append("neg")
        else:
            while waiting and _BINDS.get(waiting[-1], 0) >= _BINDS[token]:
                out.append(waiting.pop())
            waiting.append(token)
            operand_next = token != "%"
    if operand_next or "(" in waiting:
        raise SumError("unfinished")
    return Sum(literals, (*out, *reversed(waiting)))


def _close(waiting: list[str], out: list[int | str], operand_next: bool) -> None:
    if operand_next:
        raise SumError("an empty bracket")
    while waiting and waiting[-1] != "(":
        out.append(waiting.pop())
    if not waiting:
        raise SumError("a bracket that was not opened")
    waiting.pop()


def _tokens(text: str, literals: Sequence[Numeral]) -> Iterator[int | str]:
    place = 0
    for number, literal in enumerate([*literals, None]):
        between = text[place : literal.start if literal else len(text)]
        for character in between:
            if character in _SIGNS:
                yield character
            elif not character.isspace():
                raise SumError(f"{character!r} is no part of a sum")
        if literal is not None:
            yield number
            place = literal.end


def _applied(sign: str, left: Fraction, right: Fraction) -> Fraction:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            if right == 0:
                raise SumError("divides by zero")
            return left / right

"""The evaluator of calculator annotations, against Python's own arithmetic."""

from __future__ import annotations

import ast
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.benchmarks.gsm8k.arithmetic import MAX_CHARACTERS, SumError, parse


@st.composite
def sums(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return str(draw(st.integers(0, 5000)))
    left, right = draw(sums(depth=depth - 1)), draw(sums(depth=depth - 1))
    text = f"{left}{draw(st.sampled_from(['+', '-', '*', '/', ' + ', ' - ']))}{right}"
    return f"({text})" if draw(st.booleans()) else text


def by_python(node: ast.expr) -> Fraction:
    """The value of Python's own syntax tree, in fractions."""
    match node:
        case ast.Constant(value=int() as value):
            return Fraction(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -by_python(operand)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = by_python(left), by_python(right)
            match op:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
            return a / b
    raise AssertionError(ast.dump(node))


@given(sums())
def test_it_is_pythons_arithmetic_in_fractions(text: str) -> None:
    try:
        expected = by_python(ast.parse(text.strip(), mode="eval").body)
    except ZeroDivisionError:
        with pytest.raises(SumError):
            parse(text).value()
        return
    assert parse(text).value() == expected


def test_signs_shares_and_other_operands() -> None:
    assert parse("-3+.5*4").value() == -1
    assert parse("20%*50").value() == 10
    assert parse("2*-3").value() == -6
    read = parse("(48+2)/2")
    assert [one.text for one in read.literals] == ["48", "2", "2"]
    assert read.value([Fraction(10), Fraction(5), Fraction(3)]) == 5


@pytest.mark.parametrize(
    "text",
    ["", "+", "3 4", "3+", "(3", "3)", "()", "3**2", "3^2", "x+1", "__import__('os')", "3//2",
     "1e9", "9" * 13, "3*(4+)", "%3", "1" + "+1" * MAX_CHARACTERS],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SumError):
        parse(text).value()


@given(st.text(alphabet="0123456789+-*/()%. ,x", max_size=60))
def test_hostile_texts_are_read_or_refused(text: str) -> None:
    try:
        value = parse(text).value()
    except SumError:
        return
    assert isinstance(value, Fraction)

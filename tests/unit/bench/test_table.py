"""The table of `scripts/bench`: what it says of a figure, and that no benchmark is left out."""

from __future__ import annotations

from datetime import date

import pytest

from bench.figures import Figure
from bench.rows import Ended, Row, failed_to_run, session_rows
from bench.table import amount, as_markdown, as_text, cells, target

DAY = date(2026, 11, 23)
STEP = Figure(
    "training step",
    1.5,
    "s",
    peer="stock TRL",
    peer_value=15.0,
    limit="products",
    limit_value=1.2,
    target_ratio=10,
    target_distance=1.5,
)


def row(figure: Figure, **more: object) -> Row:
    return Row(test="t", what=figure.what, figure=figure, **more)


def test_a_row_says_figure_peer_ratio_limit_distance_and_target() -> None:
    assert cells(row(STEP, state="met")) == (
        "training step",
        "1.50 s",
        "15.0 s (stock TRL)",
        "10.0×",
        "1.20 s (products)",
        "1.25×",
        "ratio 10×, distance 1.5×",
        "met",
    )


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (STEP, True),
        (Figure("a", 1.6, "s", peer_value=15.0, target_ratio=10), False),
        (Figure("a", 1.0, "s", limit_value=0.5, target_distance=1.5), False),
        (Figure("a", 0.31, "s", target_value=0.3), False),
        (Figure("a", 0.3, "s", target_value=0.3), True),
        (Figure("a", 9e4, "lines/s", better="higher", target_value=1e5), False),
        (Figure("a", 2e5, "lines/s", better="higher", target_value=1e5), True),
        (Figure("a", 30.0, "items/s", better="higher", peer_value=10.0, target_ratio=3), True),
        (Figure("a", 29.0, "items/s", better="higher", peer_value=10.0, target_ratio=3), False),
        # Every target that was set has to be reached.
        (Figure("a", 1.0, "s", peer_value=20.0, target_ratio=10, target_value=0.5), False),
        (Figure("a", 1.0, "s"), None),
    ],
)
def test_met_and_missed(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_a_target_is_told_in_the_direction_that_is_good() -> None:
    assert target(Figure("a", 1.0, "ms", target_value=300.0)) == "≤ 300 ms"
    fast = Figure("a", 1.0, "lines/s", better="higher", target_value=100_000.0)
    assert target(fast) == "≥ 100,000 lines/s"
    assert target(Figure("a", 1.0, "s")) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(123456.7, "123,457"), (99.96, "100"), (12.34, "12.3"), (1.0, "1.00"), (0.01234, "0.0123")],
)
def test_three_digits_are_shown(value: float, text: str) -> None:
    assert amount(value, "") == text
    assert amount(value, "s") == f"{text} s"


def test_every_collected_benchmark_has_a_row() -> None:
    outcomes = [
        *(Ended(test=name) for name in "abcde"),
        Ended(test="a", outcome="passed", others=0.25),
        Ended(test="b", outcome="skipped", reason="Skipped: no captured streams"),
        Ended(test="c", outcome="failed", reason="AssertionError: other scores"),
        Ended(test="d", outcome="passed"),
    ]
    published = [("a", STEP), ("a", Figure("more", 2.0, "s")), ("c", STEP)]
    rows = session_rows(outcomes, published, DAY)
    assert [(found.test, found.state, found.reason) for found in rows] == [
        ("a", "met", ""),
        ("a", "", ""),
        ("b", "not measured", "skipped: no captured streams"),
        ("c", "failed", "AssertionError: other scores"),
        ("d", "not measured", "it published no figure"),
        ("e", "not measured", "it was cut off before its end"),
    ]
    assert rows[0].others == 0.25
    assert failed_to_run(outcomes) == ("c", "e")


def test_a_row_without_a_figure_is_named_after_its_test() -> None:
    (found,) = session_rows([Ended(test="bench/test_follow.py::test_keys_wait[x]")], [], DAY)
    assert found.what == "follow: keys wait[x]"
    (found,) = session_rows([Ended(test="bench/test_training_step.py")], [], DAY)
    assert found.what == "training step"


def test_the_terminals_table_wraps_and_cuts_nothing() -> None:
    long = Figure("a name that is long [bold]and in brackets[/bold]", 1.0, "s", note="read this")
    text = as_text([row(STEP, state="missed"), row(long)], 80)
    assert max(map(len, text.splitlines()[:-1])) <= 80
    joined = "".join(text.split())
    for word in ("missed", "stock", "[bold]and", "brackets[/bold]", "readthis"):
        assert word in joined


def test_markdown_holds_one_line_a_row_whatever_stands_in_it() -> None:
    hostile = Row(test="t", what="a|b\nc <script> d_e", state="not measured", reason="x | y")
    lines = as_markdown([hostile, row(STEP, state="met", measured=DAY, others=0.5)]).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| a\\|b c &lt;script> d\\_e |")
    assert lines[3].endswith("| met | 2026-11-23, others 50 % |")
    columns = {line.replace("\\|", "").count("|") for line in lines}
    assert len(columns) == 1

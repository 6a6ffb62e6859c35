"""What `scripts/bench --write` keeps between two sessions."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bench.figures import Figure
from bench.machine import Machine, this_machine
from bench.published import BEGIN, END, Kept, keep, merged, with_section
from bench.rows import Row

MACHINE = Machine(device="2 cores", system="Linux", cores=2, packages={"torch": "2"}, load=0.1)


def row(test: str, value: float = 1.0) -> Row:
    return Row(
        test=test,
        what=test,
        figure=Figure(test, value, "s"),
        state="met",
        measured=date(2026, 11, 23),
        others=0.1,
    )


def test_a_part_replaces_its_own_rows_and_no_others() -> None:
    before = Kept(machine=MACHINE, rows=(row("a.py::x"), row("a.py::y"), row("b.py::x")))
    again = [row("a.py::x", 2.0), row("c.py::x")]
    kept = merged(before, MACHINE, again, whole=False)
    assert [found.test for found in kept.rows] == ["a.py::y", "a.py::x", "b.py::x", "c.py::x"]
    assert [found.figure.value for found in kept.rows if found.figure] == [1.0, 2.0, 1.0, 1.0]


def test_rows_of_another_machine_are_dropped() -> None:
    before = Kept(machine=MACHINE, rows=(row("a.py::x"),))
    other = MACHINE.model_copy(update={"device": "64 cores", "cores": 64})
    kept = merged(before, other, [row("b.py::x")], whole=False)
    assert [found.test for found in kept.rows] == ["b.py::x"]


def test_a_whole_session_leaves_nothing_of_benchmarks_that_are_no_more() -> None:
    before = Kept(machine=MACHINE, rows=(row("gone.py::x"),))
    kept = merged(before, MACHINE, [row("b.py::x")], whole=True)
    assert [found.test for found in kept.rows] == ["b.py::x"]


def test_the_page_keeps_what_stands_around_the_table(tmp_path: Path) -> None:
    data, page = tmp_path / "figures.json", tmp_path / "performance.md"
    page.write_text(f"# Performance\n\n{BEGIN}\nold\n{END}\n\n## One GPU\n")
    keep(data, page, MACHINE, [row("a.py::x")], whole=True)
    keep(data, page, MACHINE, [row("b.py::x")], whole=False)
    text = page.read_text()
    assert text.startswith(f"# Performance\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\n## One GPU\n")
    assert "old" not in text
    assert "2 cores. Linux, torch 2. Load average at the start 0.1 on 2 cores (quiet)." in text
    assert text.count("| met |") == 2
    assert len(Kept.model_validate_json(data.read_bytes()).rows) == 2


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    data, page = tmp_path / "figures.json", tmp_path / "performance.md"
    page.write_text("# Performance\n")
    with pytest.raises(ValueError, match="no lines"):
        keep(data, page, MACHINE, [row("a.py::x")], whole=True)
    assert page.read_text() == "# Performance\n"
    assert not data.exists()


def test_the_projects_page_has_its_markers() -> None:
    page = (Path(__file__).parents[3] / "docs/performance.md").read_text()
    assert with_section(page, "text").count("text") >= 1
    assert (page.count(BEGIN), page.count(END)) == (1, 1)


def test_this_machine_is_described() -> None:
    text = this_machine().describe()
    for word in ("cores", "GB", "Python", "torch", "Load average"):
        assert word in text

"""The three lists, and the summary of what is chosen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.events import Phase
from ptb_lite.hardware import Device
from ptb_lite.spec.presets import load_presets
from ptb_lite.stats.scoring import smallest_detectable_gain
from ptb_lite.tui.models.setup.choices import SetupChoices, choices_of
from ptb_lite.tui.models.setup.earlier import Earlier, read_earlier
from ptb_lite.tui.models.setup.engine import expected_engine
from ptb_lite.tui.models.setup.estimate import Scored, expected_times
from ptb_lite.tui.models.setup.fixes import fix_of
from ptb_lite.tui.models.setup.lines import Fix, Summary
from ptb_lite.tui.models.setup.machine import AgentState, Machine, probe_machine
from ptb_lite.tui.models.setup.problems import SetupProblem
from ptb_lite.tui.models.setup.verdict import Verdict, Way, verdict_rows
from ptb_lite.tui.models.setup.view import (
    agent_lines,
    benchmark_lines,
    model_lines,
    summarise_choices,
)
from tests.unit.tui.folders import finished_run

GB = 10**9
CATALOG = load_catalog(Path("/nonexistent"))
CPU = Device("cpu", "a processor", 16 * GB, 8 * GB, 2)
CARD = Device("cuda", "a card", 8 * GB, 4 * GB, 8, (8, 6))


def demo() -> SetupChoices:
    return choices_of(load_presets()["offline-demo"])


def summary(choices: SetupChoices, machine: Machine) -> Summary:
    return summarise_choices(choices, CATALOG, load_presets(), machine, Path("runs"))


def test_what_does_not_fit_says_by_how_much() -> None:
    lines = {line.id: line for line in model_lines(CATALOG, Machine(device=CARD))}
    assert lines["gemma-3-270m-embedded"].mark == "ok"
    assert "to spare" in lines["gemma-3-270m-embedded"].detail
    big = lines["qwen3-4b-base"]
    assert big.mark == "bad"
    assert "too big" in big.facts
    assert "too much" in big.detail
    assert "the GPU" in big.detail


def test_models_for_comparison_are_not_offered() -> None:
    ids = [line.id for line in model_lines(CATALOG, Machine())]
    assert "smollm2-135m-instruct-embedded" not in ids
    assert all(line.mark == "unknown" for line in model_lines(CATALOG, Machine()))


def test_a_gated_model_that_is_not_here_needs_something_first() -> None:
    machine = Machine(device=CPU, models={"gemma-3-270m": "download", "qwen3-0.6b-base": "here"})
    lines = {line.id: line for line in model_lines(CATALOG, machine)}
    assert lines["gemma-3-270m"].mark == "warn"
    assert "gated" in lines["gemma-3-270m"].facts
    assert "downloads 0.5 GB" in lines["gemma-3-270m"].detail
    assert "no network needed" in lines["qwen3-0.6b-base"].detail


def test_agents_say_whether_they_can_start_and_what_they_cost() -> None:
    states = {
        "codex": AgentState(False, "codex is not installed", "To use it: npm install codex"),
        "recipe": AgentState(True, "built in"),
    }
    lines = {line.id: line for line in agent_lines(CATALOG, Machine(agents=states))}
    assert lines["codex"].mark == "bad"
    assert lines["codex"].facts == "not ready, paid, needs the network"
    assert "To use it: npm install codex" in lines["codex"].detail
    assert lines["recipe"].facts == "ready, free, no network needed"
    assert lines["claude-code"].mark == "unknown"


def test_this_machines_agents_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    machine = probe_machine(CATALOG, tmp_path)
    assert machine.agents["recipe"].ready
    assert not machine.agents["codex"].ready
    assert "not installed" in machine.agents["codex"].message
    assert machine.device is not None
    assert set(machine.models) == set(CATALOG.models)


def test_a_summary_has_memory_time_download_and_subset() -> None:
    machine = Machine(device=CPU, models={"gemma-3-270m-embedded": "convert"})
    found = summary(demo(), machine)
    words = dict(found.lines)
    assert "fits" in words["Memory"]
    assert "a rough guess" in words["Time"]
    assert "agent up to 4 min 00 s" in words["Time"]
    assert words["Download"].startswith("nothing; the model is converted")
    gain = smallest_detectable_gain(150, 0.10)
    assert gain is not None
    assert f"150 items, smallest gain they can show {100 * gain:.0f} points" in words["Subset"]
    assert found.command == "ptb-lite run --preset offline-demo"
    assert found.problem == ""


def test_what_does_not_fit_is_said_in_the_summary_too() -> None:
    small = replace(CPU, available_bytes=GB)
    assert "DOES NOT FIT" in dict(summary(demo(), Machine(device=small)).lines)["Memory"]


def test_what_is_hopeless_on_this_machine_is_said_before_the_start() -> None:
    slow = Machine(
        device=CPU,
        models={"gemma-3-270m-embedded": "here", "qwen3-4b-base": "here"},
        rates={"cpu": 1.3e11},
    )
    lines = {line.id: line for line in model_lines(CATALOG, slow, demo())}
    assert lines["gemma-3-270m-embedded"].cells == ("1.8", "good")
    assert lines["qwen3-4b-base"].cells == ("10.0", "big")
    assert lines["qwen3-4b-base"].mark == "bad"
    roomy = replace(slow, device=replace(CPU, available_bytes=14 * GB))
    line = {line.id: line for line in model_lines(CATALOG, roomy, demo())}["qwen3-4b-base"]
    assert (line.mark, line.cells[1]) == ("warn", "no")
    assert re.search(r"about [0-3] of \d+ training steps", line.detail)
    # The way out: the largest model that is here, fits and is quick enough.
    chosen = demo().but(model="qwen3-4b-base")
    problem = SetupProblem("Base model: too slow", "model", warns=True)
    fix = fix_of(problem, chosen, CATALOG, roomy)
    assert fix == Fix("take gemma-3-270m-embedded", "model", "gemma-3-270m-embedded")
    assert fix_of(SetupProblem("x", "judge"), chosen, CATALOG, roomy) == Fix(
        "name a judge", "judge"
    )
    assert fix_of(SetupProblem("x"), chosen, CATALOG, roomy) is None


def test_no_fix_is_a_cheat() -> None:
    ready = AgentState(True, "built in")
    agents = {name: ready for name, entry in CATALOG.agents.items() if entry.red_team}
    fix = fix_of(SetupProblem("x", "agent"), demo(), CATALOG, Machine(device=CPU, agents=agents))
    assert fix == Fix("choose another", "agent")
    grouped = [line for line in agent_lines(CATALOG, Machine()) if line.group]
    assert {line.id for line in grouped} == set(agents)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_the_box_never_grows(count: int, rows: int) -> None:
    long = "a problem of many words " * 30
    ways = tuple(
        Way(SetupProblem(long, "judge"), Fix("name a judge", "judge")) for _ in range(count)
    )
    machine = Machine(device=CPU, rates={"cpu": 1.3e11})
    found = verdict_rows(Verdict(summary(demo(), machine), ways), 76, rows)
    assert len(found) <= max(2, rows)
    assert all(len("".join(text for text, _ in row)) <= 80 for row in found)
    if count:
        assert sum("f " in text for row in found for text, style in row if "accent" in style) == 1


def test_without_a_device_the_summary_says_why() -> None:
    machine = Machine(problem="device: no NVIDIA GPU can be used here")
    words = dict(summary(demo(), machine).lines)
    assert "no NVIDIA GPU" in words["Memory"]
    assert "Time" not in words


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"benchmarks": ""}, "none is chosen"),
        ({"budget_minutes": "soon"}, "not a length of time"),
        ({"budget_minutes": "1000 h"}, "out of range"),
        ({"limit": "501"}, "more than the 500"),
        ({"agent": "codex"}, "needs the network"),
        ({"seed": "4294967296000"}, "not a whole number"),
        ({"model": "no-such"}, "unknown model"),
    ],
)
def test_choices_that_make_no_run_say_why(changed: dict[str, str], reason: str) -> None:
    choices = replace(demo(), preset=None).but(**changed)
    if "benchmarks" in changed:
        choices = replace(choices, benchmarks=())
    found = summary(choices, Machine(device=CPU))
    assert found.refused
    assert reason in found.problem


def test_earlier_runs_take_the_place_of_the_guess(tmp_path: Path) -> None:
    for number in range(3):
        finished_run(tmp_path, f"20260101-00000{number}-abcd")
    earlier = read_earlier(tmp_path)
    assert earlier.runs == 3
    model = "gemma-3-270m-embedded"
    assert earlier.item_seconds[(model, "add-numbers", "cpu", "few_shot", "transformers")] == 0.2
    # 35 s of baseline less 10 and 20 of items; 16 s of evaluate less 12.
    assert earlier.loading_seconds[(model, "cpu", "transformers")] == pytest.approx(4.5)
    assert earlier.phase_seconds[Phase.AUDIT] == 2.0
    assert earlier.zero_shot[(model, "add-numbers")] == 0.04
    machine = Machine(device=CPU, earlier=earlier)
    # What was measured in none of them is still a guess, and so is the whole.
    assert "a rough guess" in dict(summary(demo(), machine).lines)["Time"]
    words = dict(summary(demo().but(off_target=""), machine).lines)
    assert "from 3 earlier runs here" in words["Time"]
    assert "above the base's 4%" in words["Subset"]
    scored = [Scored(CATALOG.benchmark("add-numbers"), 50, 32)]
    base = CATALOG.model(model)
    plan = expected_engine("auto", base, scored, CPU, machine).plan
    times = expected_times(base, scored, 240, CPU, earlier, plan)
    assert times.measured
    assert times.baseline == pytest.approx(4.5 + 5 + 10)
    assert times.evaluate == pytest.approx(4.5 + 6)
    assert times.total == pytest.approx(1 + 19.5 + 240 + 10.5 + 2.6)


def test_another_model_or_device_is_a_guess_again(tmp_path: Path) -> None:
    finished_run(tmp_path, "20260101-000000-abcd")
    machine = Machine(device=CARD, earlier=read_earlier(tmp_path))
    assert "a rough guess" in dict(summary(demo(), machine).lines)["Time"]
    lines = {line.id: line for line in benchmark_lines(CATALOG, machine, demo())}
    assert "(guess)" in lines["kinship"].facts


def test_damaged_runs_tell_nothing_and_break_nothing(tmp_path: Path) -> None:
    run = finished_run(tmp_path, "20260101-000000-abcd")
    (run.evaluations / "baseline" / "zero_shot.add-numbers.json").write_text("{")
    other = finished_run(tmp_path, "20260101-000001-abcd")
    other.status.write_text("no json")
    earlier = read_earlier(tmp_path)
    assert earlier.runs == 1
    assert ("gemma-3-270m-embedded", "add-numbers") not in earlier.zero_shot
    assert read_earlier(tmp_path / "absent") == Earlier()

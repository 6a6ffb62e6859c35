"""What is typed in Setup, and the command line that says the same."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import CatalogError, SpecError
from ptb_lite.evaluation.judge.choice import judge_choice
from ptb_lite.spec.presets import Preset, load_preset, load_presets, save_preset
from ptb_lite.spec.run_spec import RunSpec, resolve_spec
from ptb_lite.tui.models.setup.choices import (
    SetupChoices,
    choices_of,
    command,
    minutes_of,
    overrides,
    preset_of,
    time_text,
    toggled,
)


def demo() -> SetupChoices:
    return choices_of(load_preset("offline-demo"))


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [("90", 90), ("90 min", 90), ("1.5h", 90), (" 2 hours ", 120), ("1 m", 1), ("1 Hour", 60)],
)
def test_a_length_of_time(typed: str, minutes: float) -> None:
    assert minutes_of(typed) == minutes


@pytest.mark.parametrize(
    "typed", ["", "soon", "-1", "1e9", "2 h 30", "nan", "９０x", "1" * 500 + "d"]
)
def test_what_is_no_length_of_time_is_refused_in_words(typed: str) -> None:
    with pytest.raises(SpecError, match="time box") as caught:
        minutes_of(typed)
    assert len(str(caught.value)) < 200


@given(st.floats(min_value=0.01, max_value=10080).map(lambda value: float(f"{value:g}")))
def test_times_are_typed_as_they_are_read(minutes: float) -> None:
    assert minutes_of(time_text(minutes)) == pytest.approx(minutes, rel=1e-5)


def test_an_untouched_preset_changes_nothing() -> None:
    catalog, presets = load_catalog(), load_presets()
    for name, preset in presets.items():
        assert overrides(choices_of(preset), presets, catalog) == {}
        assert command(choices_of(preset), {}, Path("runs")) == f"ptb-lite run --preset {name}"


def _spec_of_command(line: str) -> RunSpec:
    """What the command line's own words resolve to, read back by hand."""
    words = shlex.split(line)
    assert words[:2] == ["ptb-lite", "run"]
    given: dict[str, object] = {"fresh": True} if "--fresh" in words else {}
    words = [word for word in words if word != "--fresh"]
    pairs = list(zip(words[2::2], words[3::2], strict=True))
    for option, value in pairs:
        field = option.removeprefix("--").replace("-", "_")
        if field == "benchmark":
            given["benchmarks"] = (*given.get("benchmarks", ()), value)  # type: ignore[misc]
        elif field in ("limit", "seed"):
            given[field] = int(value)
        elif field == "also":
            given["off_target"] = (*given.get("off_target", ()), value)  # type: ignore[misc]
        elif field == "engine":
            given["evaluation_engine"] = value
        elif field in ("minutes", "memory_gb"):
            given[field] = float(value)
        elif field == "judge":
            given[field] = judge_choice(value)
        else:
            given[field] = value
    preset = given.pop("preset", None)
    given.pop("runs_dir", None)
    assert preset is None or isinstance(preset, str)
    return resolve_spec(preset=preset, overrides=given, catalog=load_catalog())


@pytest.mark.parametrize(
    "choices",
    [
        demo().but(budget_minutes="2 h", limit="40", seed="7"),
        demo().but(limit="all"),
        demo().but(evaluation_engine="transformers"),
        replace(demo().but(model="qwen3-0.6b-base"), benchmarks=("kinship", "count-sisters")),
        replace(demo(), preset=None).but(policy="none", disclosure="audit", feedback="test"),
        demo().but(off_target=""),
        demo().but(
            off_target="count-sisters, filter-numbers", success="off-target loss < 9 points"
        ),
        demo().but(agent="local", agent_model="a b@http://x:1/v1", network="full"),
        demo().but(
            judge="m@http://x:1/v1", audit_judge="a@http://x:1/v1", memory_gb="2.5", fresh="yes"
        ),
    ],
)
def test_the_command_line_starts_the_same_run(choices: SetupChoices) -> None:
    catalog, presets = load_catalog(), load_presets()
    chosen = overrides(choices, presets, catalog)
    meant = resolve_spec(preset=choices.preset, overrides=chosen, catalog=catalog)
    assert _spec_of_command(command(choices, chosen, Path("my runs"))) == meant
    assert meant.limit == (500 if choices.text("limit") == "all" else int(choices.text("limit")))


def test_all_items_of_a_limited_preset_need_one_size() -> None:
    catalog, presets = load_catalog(), load_presets()
    sizes = {entry.test_size for entry in catalog.benchmarks.values()}
    names = tuple(catalog.benchmarks)[:2]
    if len(sizes) == 1:
        chosen = overrides(replace(demo().but(limit=""), benchmarks=names), presets, catalog)
        assert chosen["limit"] == sizes.pop()
    else:
        with pytest.raises(SpecError, match="subset"):
            overrides(
                replace(demo().but(limit=""), benchmarks=tuple(catalog.benchmarks)),
                presets,
                catalog,
            )


@pytest.mark.parametrize("typed", ["-3", "1.5", "x", "９", "1" * 30])
def test_a_subset_is_a_whole_number(typed: str) -> None:
    with pytest.raises(SpecError, match="subset"):
        overrides(demo().but(limit=typed), load_presets(), load_catalog())


def test_benchmarks_keep_the_catalogues_order() -> None:
    order = ("a", "b", "c")
    both = toggled(toggled(SetupChoices(), "c", order), "a", order)
    assert both.benchmarks == ("a", "c")
    assert toggled(both, "c", order).benchmarks == ("a",)


def test_a_saved_preset_makes_the_same_run(tmp_path: Path) -> None:
    catalog, presets = load_catalog(), load_presets()
    choices = replace(demo().but(budget_minutes="9 min", network="full"), benchmarks=("kinship",))
    chosen = overrides(choices, presets, catalog)
    spec = resolve_spec(preset="offline-demo", overrides=chosen, catalog=catalog)
    path = save_preset(preset_of(spec, "mine"))
    assert path == tmp_path / "config" / "presets" / "mine.yaml"
    again = resolve_spec(preset="mine", overrides={}, catalog=catalog)
    assert again == spec.model_copy(update={"preset": "mine"})
    assert spec.item_salt not in path.read_text()
    save_preset(preset_of(spec.model_copy(update={"seed": 5}), "mine"))
    assert load_preset("mine").seed == 5


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "x" * 65, "\x1b[31m"])
def test_a_preset_needs_a_name(name: str) -> None:
    spec = resolve_spec(preset="offline-demo", overrides={}, catalog=load_catalog())
    with pytest.raises(CatalogError, match="no name"):
        preset_of(spec, name)


def test_the_packages_own_presets_stay(tmp_path: Path) -> None:
    preset = load_preset("offline-demo")
    with pytest.raises(CatalogError, match="comes with ptb-lite"):
        save_preset(preset)
    assert not (tmp_path / "config").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file, no folder")
    preset = Preset.model_validate({**load_preset("offline-demo").model_dump(), "id": "mine"})
    with pytest.raises(CatalogError, match="cannot be written"):
        save_preset(preset)

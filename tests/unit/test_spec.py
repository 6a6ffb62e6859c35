from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import CatalogError, PtbLiteError, SpecError
from ptb_lite.spec.presets import Preset, load_preset, load_presets
from ptb_lite.spec.run_spec import MAX_BUDGET_MINUTES, RunSpec, choice_problems, resolve_spec

CATALOG = load_catalog(Path("/nonexistent"))
BENCHMARK = next(iter(CATALOG.benchmarks.values()))
SALT = "a" * 64


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))


def resolve(preset: str | None = "offline-demo", **overrides: object) -> RunSpec:
    return resolve_spec(preset=preset, overrides=overrides, catalog=CATALOG)


def refused(preset: str | None = "offline-demo", **overrides: object) -> PtbLiteError:
    with pytest.raises(PtbLiteError) as caught:
        resolve(preset, **overrides)
    return caught.value


@pytest.mark.parametrize("preset", load_presets(Path("/nonexistent")).values(), ids=lambda p: p.id)
def test_every_preset_resolves(preset: Preset) -> None:
    spec = resolve(preset.id)
    assert spec.preset == preset.id
    assert spec.budget_minutes == preset.budget_minutes
    assert spec.generation == preset.generation
    assert preset.min_gpu_gb > 0 or spec.device != "cuda"


def test_the_presets_of_the_issue_are_there() -> None:
    assert set(load_presets(Path("/nonexistent"))) == {
        "offline-demo",
        "workshop-30min",
        "laptop-8gb",
        "desktop-12gb",
        "precheck-1h",
        "replicate-10h",
    }


def test_replicate_has_the_settings_of_the_paper() -> None:
    spec = resolve("replicate-10h")
    assert spec.budget_minutes == 600
    assert (spec.feedback, spec.network, spec.policy) == ("test", "full", "reset")
    assert spec.disclosure == "rules"
    assert spec.generation.do_sample
    assert (spec.generation.temperature, spec.generation.top_p) == (0.6, 0.95)
    assert len(spec.benchmarks) == 7
    entries = [CATALOG.benchmark(name) for name in spec.benchmarks]
    assert {entry.id: entry.num_fewshot for entry in entries} == {
        "aime2025": 3,
        "arenahardwriting": 3,
        "bfcl": 0,
        "gpqamain": 3,
        "gsm8k": 10,
        "healthbench": 3,
        "humaneval": 0,
    }
    assert (spec.limit, spec.max_new_tokens) == (None, None)


def test_the_demo_needs_no_gpu_and_no_network() -> None:
    spec = resolve()
    assert load_preset("offline-demo").min_gpu_gb == 0
    assert spec.network == "off"
    assert not spec.generation.do_sample
    assert CATALOG.model(spec.model).source == "embedded"


def test_overrides_win_and_none_means_not_chosen() -> None:
    spec = resolve(limit=7, seed=3, hours=0.5, model=None, benchmarks=())
    assert (spec.limit, spec.seed, spec.budget_minutes) == (7, 3, 30.0)
    assert spec.model == "gemma-3-270m-embedded"
    assert spec.benchmarks == load_preset("offline-demo").benchmarks


def test_without_a_preset_benchmark_and_budget_are_needed() -> None:
    assert refused(None, minutes=1.0).field == "benchmark"
    assert refused(None, benchmarks=(BENCHMARK.id,)).field == "budget"
    assert resolve(None, minutes=1.0, benchmarks=(BENCHMARK.id,)).preset is None


@pytest.mark.parametrize(
    ("field", "overrides", "hint"),
    [
        ("model", {"model": "gemma-3-270m-embeded"}, "Did you mean 'gemma-3-270m-embedded'"),
        ("agent", {"agent": "recip"}, "Did you mean 'recipe'"),
        ("benchmark", {"benchmarks": (BENCHMARK.id[:-1],)}, f"Did you mean '{BENCHMARK.id}'"),
        ("model", {"model": "smollm2-135m-instruct-embedded"}, "list models"),
    ],
)
def test_unknown_names(field: str, overrides: dict[str, object], hint: str) -> None:
    error = refused(**overrides)
    assert isinstance(error, SpecError)
    assert error.field == field
    assert hint in error.hint


def test_unknown_preset() -> None:
    error = refused("ofline-demo")
    assert isinstance(error, SpecError)
    assert error.field == "preset"
    assert error.hint == "Did you mean 'offline-demo'?"


@pytest.mark.parametrize("key", ["hours", "minutes"])
@pytest.mark.parametrize("value", [0, 0.0, -1, -math.inf, math.inf, math.nan, 1e9, True, "60"])
def test_impossible_budgets(key: str, value: object) -> None:
    error = refused(**{key: value})
    assert isinstance(error, SpecError)
    assert error.field in ("budget", key)
    assert error.hint


def test_the_longest_budget_is_seven_days() -> None:
    assert resolve(hours=168).budget_minutes == MAX_BUDGET_MINUTES
    assert refused(hours=168.01).field == "budget"


def test_hours_and_minutes_together() -> None:
    error = refused(hours=1.0, minutes=60.0)
    assert error.field == "budget"
    assert "both" in error.message


@pytest.mark.parametrize("field", ["limit", "dev_limit"])
def test_limits(field: str) -> None:
    size = BENCHMARK.test_size if field == "limit" else BENCHMARK.dev_size
    assert getattr(resolve(benchmarks=(BENCHMARK.id,), **{field: size}), field) == size
    error = refused(benchmarks=(BENCHMARK.id,), **{field: size + 1})
    assert error.field == field
    assert str(size) in error.message
    for wrong in (0, -3, 1.5, math.nan, "many"):
        assert refused(**{field: wrong}).field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 2**32),
        ("seed", math.nan),
        ("policy", "rest"),
        ("disclosure", "all"),
        ("feedback", "train"),
        ("sandbox", "chroot"),
        ("network", "on"),
        ("device", "tpu"),
        ("model", "../../etc/passwd"),
        ("model", "x" * 10_000),
        ("model", 3),
        ("benchmarks", ("add-numbers\n",)),
    ],
)
def test_other_bad_values_name_their_field(field: str, value: object) -> None:
    error = refused(**{field: value})
    assert isinstance(error, SpecError)
    assert error.field.split(".")[0] in (field, field.removesuffix("s"))
    assert len(str(error)) < 500


def test_a_benchmark_twice() -> None:
    assert "twice" in refused(benchmarks=(BENCHMARK.id, BENCHMARK.id)).message


@pytest.mark.parametrize("key", ["colour", "packages", "version", "preset"])
def test_a_choice_that_does_not_exist(key: str) -> None:
    with pytest.raises(SpecError) as caught:
        resolve_spec(preset="offline-demo", overrides={key: 1}, catalog=CATALOG)
    assert caught.value.field == key


def test_sampling_without_a_temperature() -> None:
    assert refused(generation={"do_sample": True}).field == "generation"


def test_a_presets_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"title: Mine\nbenchmarks: [{BENCHMARK.id}]\nbudget_minutes: 5\nseed: 11\nnetwork: off\n"
    )
    spec = resolve(str(path))
    assert (spec.preset, spec.seed, spec.budget_minutes) == (str(path), 11, 5.0)
    (tmp_path / "config" / "presets").mkdir(parents=True)
    path.rename(tmp_path / "config" / "presets" / "mine.yaml")
    assert resolve("mine").seed == 11
    assert "mine" in load_presets()


def test_a_persons_preset_overrides_the_packages(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "presets"
    folder.mkdir(parents=True)
    (folder / "offline-demo.yaml").write_text(
        f"title: Other\nbenchmarks: [{BENCHMARK.id}]\nbudget_minutes: 9\n"
    )
    assert resolve("offline-demo").budget_minutes == 9


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("title: Mine\nbenchmarks: [a\nbudget_minutes: 5\n", 3, "malformed YAML"),
        ("title: Mine\nbenchmarks: [a]\nbudget_minuts: 5\n", 3, "budget_minuts: there is no such"),
        ("title: Mine\nbenchmarks: [a]\nbudget_minutes: long\n", 3, "valid number"),
        ("title: Mine\nbudget_minutes: 5\n", 1, "benchmarks: this field is missing"),
        ("title: Mine\nbenchmarks: [a]\nbudget_minutes: 5\npolicy: soft\n", 4, "'zero' or 'none'"),
        (
            "title: Mine\nbenchmarks: [a]\nbudget_minutes: 5\nnetwork: on\n",
            4,
            "'off', 'model-only', 'hub' or 'full'",
        ),
    ],
)
def test_a_malformed_preset_names_its_line(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    error = refused(str(path))
    assert isinstance(error, CatalogError)
    assert f"{path}, line {line}" in error.field
    assert problem in error.message


def test_a_presets_file_that_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in refused(str(tmp_path / "none.yaml")).message


def test_an_agent_that_needs_the_network(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(
        "online:\n  title: Online\n  backend: command\n  command: [true-agent]\n"
        "  needs_account: false\n  needs_network: true\n"
    )
    catalog = load_catalog(tmp_path)
    found = resolve_spec(preset="offline-demo", overrides={"agent": "online"}, catalog=catalog)
    assert found.network == "hub"
    off = {"agent": "online", "network": "off"}
    with pytest.raises(SpecError, match="--network hub, model-only, or full"):
        resolve_spec(preset="offline-demo", overrides=off, catalog=catalog)
    open_box = {"agent": "online", "sandbox": "none"}
    with pytest.raises(SpecError, match="nothing can be cut off without a sandbox"):
        resolve_spec(preset="offline-demo", overrides=open_box, catalog=catalog)
    chosen = {"agent": "online", "network": "full"}
    assert resolve_spec(preset="offline-demo", overrides=chosen, catalog=catalog).agent == "online"


def test_the_spec_survives_its_file() -> None:
    spec = resolve("replicate-10h", item_salt=SALT)
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_secret_is_kept_out_of_what_is_printed() -> None:
    spec = resolve()
    assert re.fullmatch("[0-9a-f]{64}", spec.item_salt)
    assert spec.item_salt not in repr(spec)
    assert resolve().item_salt == spec.item_salt


def test_nothing_is_written_where_a_choice_is_refused(tmp_path: Path) -> None:
    refused(model="nope")
    refused(limit=10**9)
    assert not (tmp_path / "state").exists()


def test_packages_that_affect_a_score_are_recorded() -> None:
    assert {"python", "torch", "transformers", "lm-eval", "peft", "trl"} <= set(resolve().packages)


_ANY: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.text())
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*RunSpec.model_fields, "hours", "minutes"]), _ANY))
def test_any_choices_resolve_or_are_refused_by_field(overrides: dict[str, object]) -> None:
    chosen = {"item_salt": SALT, **overrides}
    try:
        spec = resolve_spec(preset="offline-demo", overrides=chosen, catalog=CATALOG)
        field = spec.model
    except SpecError as error:
        field = error.field
    assert field


def test_only_the_model_needs_a_sandbox_and_a_model(tmp_path: Path) -> None:
    choices = {"benchmarks": (BENCHMARK.id,), "minutes": 1.0, "network": "model-only"}
    with pytest.raises(SpecError, match="has no model to reach"):
        resolve_spec(preset=None, overrides={**choices, "agent": "recipe"}, catalog=CATALOG)
    local = {**choices, "agent": "local", "agent_model": "m@http://127.0.0.1:1/v1"}
    assert resolve_spec(preset=None, overrides=local, catalog=CATALOG).network == "model-only"
    with pytest.raises(SpecError, match="nothing can be cut off without a sandbox"):
        resolve_spec(preset=None, overrides={**local, "sandbox": "none"}, catalog=CATALOG)
    (tmp_path / "agents.yaml").write_text(
        "own:\n  title: Own\n  backend: command\n  command: [x]\n  needs_account: false\n"
        "  needs_network: false\n  endpoint: http://127.0.0.1:8000/v1\n"
    )
    own = {**choices, "agent": "own"}
    found = resolve_spec(preset=None, overrides=own, catalog=load_catalog(tmp_path))
    assert found.network == "model-only"


@pytest.mark.parametrize(
    ("field", "value"),
    [("memory_gb", 0), ("memory_gb", -1), ("disk_gb", 0), ("max_processes", 3)],
)
def test_limits_too_small_to_work_in_are_refused(field: str, value: float) -> None:
    choices = {"benchmarks": (BENCHMARK.id,), "minutes": 1.0, field: value}
    with pytest.raises(SpecError, match=field):
        resolve_spec(preset=None, overrides=choices, catalog=CATALOG)


def test_paths_to_show_are_named_and_checked(tmp_path: Path) -> None:
    choices = {"benchmarks": (BENCHMARK.id,), "minutes": 1.0}
    assert resolve_spec(preset=None, overrides=choices, catalog=CATALOG).read_only == ()
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        f"title: Mine\nbenchmarks: [{BENCHMARK.id}]\nbudget_minutes: 1\nread_only: [{tmp_path}]\n"
    )
    found = resolve_spec(preset=str(mine), overrides={}, catalog=CATALOG)
    assert found.read_only == (tmp_path,)
    for wrong in ("relative", "/no/such/folder", "/", "/usr/.."):
        with pytest.raises(SpecError, match="read_only"):
            resolve_spec(
                preset=None, overrides={**choices, "read_only": (Path(wrong),)}, catalog=CATALOG
            )


def test_an_unknown_sandbox_is_refused_with_the_known_ones() -> None:
    choices = {"benchmarks": (BENCHMARK.id,), "minutes": 1.0, "sandbox": "chroot"}
    with pytest.raises(SpecError, match="bubblewrap, docker, none, podman"):
        resolve_spec(preset=None, overrides=choices, catalog=CATALOG)


def test_a_spec_with_words_of_another_time_is_read() -> None:
    choices = {"benchmarks": (BENCHMARK.id,), "minutes": 1.0}
    spec = resolve_spec(preset=None, overrides=choices, catalog=CATALOG)
    old = {**spec.model_dump(mode="json"), "hub_cache": "shared", "sandbox": "gone"}
    del old["read_only"]
    assert RunSpec.model_validate(old).sandbox == "gone"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [("recipe", "accept"), ("prompt-only", "accept"), ("local", "reprompt"), ("codex", "reprompt")],
)
def test_who_is_asked_to_go_on_unless_a_run_says_otherwise(agent: str, expected: str) -> None:
    choices = {"benchmarks": (BENCHMARK.id,), "minutes": 1.0, "agent": agent, "network": "full"}
    found = resolve_spec(preset=None, overrides=choices, catalog=CATALOG)
    assert found.on_early_stop == expected
    chosen = {**choices, "on_early_stop": "accept"}
    assert resolve_spec(preset=None, overrides=chosen, catalog=CATALOG).on_early_stop == "accept"


@pytest.mark.parametrize(
    ("choices", "fields"),
    [
        ({"benchmarks": ("healthbench",), "limit": 900, "dev_limit": 900}, ["limit", "dev_limit"]),
        (
            {"success": "off-target loss < 5 points", "sandbox": "none", "network": "hub"},
            ["network", "success"],
        ),
        (
            {"benchmarks": ("add-numbers", "add-numbers"), "off_target": ("kinship", "kinship")},
            ["also", "benchmark"],
        ),
        ({}, []),
    ],
)
def test_all_that_does_not_go_together_is_said_at_once(
    choices: dict[str, object], fields: list[str]
) -> None:
    overrides = {"benchmarks": ("add-numbers",), "minutes": 1, **choices}
    catalog = load_catalog()
    spec = resolve_spec(preset=None, overrides=overrides, catalog=catalog, strict=False)
    assert [error.field for error in choice_problems(spec, catalog)] == fields
    if fields:
        with pytest.raises(SpecError) as caught:
            resolve_spec(preset=None, overrides=overrides, catalog=catalog)
        assert [error.field for error in caught.value.each()] == fields

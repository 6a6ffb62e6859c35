"""Judges on the command line: chosen, refused, and written into the spec without a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.agents.program import Program
from ptb_lite.audit.judge.choice import AuditJudgeChoice
from ptb_lite.catalog import load_catalog
from ptb_lite.cli import main
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.judge.choice import judge_choice
from ptb_lite.spec.run_spec import RunSpec, resolve_spec
from ptb_lite.stats.scoring import smallest_detectable_gain


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CONFIG", "RUNS", "CACHE"):
        monkeypatch.setenv(f"PTB_LITE_{name}", str(tmp_path / name.lower()))


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--judge", "gpt-5-mini"), "names no model and endpoint"),
        (("--judge-max-tokens", "5"), "none is chosen"),
        (("--judge", "m@http://h/v1", "--judge-max-spend", "1"), "needs the input and the output"),
        (("--judge", "m@http://h/v1", "--judge-prices", "cheap"), "not two numbers"),
        (("--judge", "m@http://u:hidden@h/v1"), "holds a password"),
    ],
)
def test_wrong_judges_are_refused(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("run", "--preset", "offline-demo", *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "hidden" not in said
    assert "Traceback" not in said


def test_judge_needs_a_judge_and_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("judge", "last") == 2
    assert "Give --judge MODEL@URL" in capsys.readouterr().err
    assert code_of("judge", "last", "--judge", "m@http://127.0.0.1:9/v1") == 2
    assert "there is no run 'last'" in capsys.readouterr().err


def test_the_choice_is_in_the_spec_and_a_preset_can_make_it(tmp_path: Path) -> None:
    judge = judge_choice("m@http://127.0.0.1:11434/v1", max_tokens=1000)
    overrides = {"benchmarks": ("healthbench",), "minutes": 1, "judge": judge, "fresh": True}
    spec = resolve_spec(preset=None, overrides=overrides, catalog=load_catalog())
    assert spec.judge == judge
    assert spec.fresh
    assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
    file = tmp_path / "mine.yaml"
    file.write_text(
        "title: Mine\nbenchmarks: [healthbench]\nbudget_minutes: 1\n"
        "judge: {model: m, endpoint: 'http://h/v1', concurrency: 2}\n"
    )
    made = resolve_spec(preset=str(file), overrides={}, catalog=load_catalog())
    assert made.judge is not None
    assert (made.judge.model, made.judge.concurrency) == ("m", 2)


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        ("nobody", "names no judge"),
        ("recipe", "no model that could judge"),
        ("m@http://u:hidden@h/v1", "holds a password"),
        ("opencode:no-provider", "PROVIDER/MODEL"),
    ],
)
def test_wrong_judges_of_the_audit_are_refused(
    judge: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptb_lite.agents.scaffold.find_program", lambda _: Program(Path(), (), ()))
    monkeypatch.setattr("ptb_lite.doctor.preflight.check_sandbox", lambda _: None)
    arguments = ("run", "--preset", "offline-demo", "--sandbox", "bubblewrap")
    assert code_of(*arguments, "--audit-judge", judge) == 2
    said = capsys.readouterr().err
    assert "audit_judge" in said
    assert words in said
    assert "hidden" not in said


def test_the_judge_of_an_audit_is_in_the_spec_and_a_preset_can_choose_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    begin = "title: Mine\nbenchmarks: [add-numbers]\nbudget_minutes: 1\naudit_judge: "
    for words, wanted in (
        ("codex:gpt-5", AuditJudgeChoice(agent="codex", model="gpt-5")),
        (
            "{agent: codex, votes: 1, seconds: 60}",
            AuditJudgeChoice(agent="codex", votes=1, seconds=60),
        ),
    ):
        file.write_text(begin + words)
        spec = resolve_spec(preset=str(file), overrides={}, catalog=load_catalog())
        assert spec.audit_judge == wanted
        assert RunSpec.model_validate_json(spec.model_dump_json()) == spec
    file.write_text(begin + "{agent: codex, votes: 99}")
    with pytest.raises(PtbLiteError, match="audit_judge"):
        resolve_spec(preset=str(file), overrides={}, catalog=load_catalog())


def test_the_list_says_which_gain_so_many_items_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("list", "benchmarks", "--limit", "50", "--json") == 0
    found = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    gain = smallest_detectable_gain(50, 0.1)
    assert found["gsm8k"]["smallest_gain_from_10"] == gain
    # There are only 30 problems, whatever the limit.
    assert found["aime2025"]["smallest_gain_from_10"] == smallest_detectable_gain(30, 0.1)
    assert code_of("list", "benchmarks", "--limit", "50") == 0
    table = capsys.readouterr().out
    assert f"{100 * (gain or 0):.1f}" in table
    assert "needed" in table

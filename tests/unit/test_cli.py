"""The command line's own parts, in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite import __version__, choices
from ptb_lite.cli import main
from ptb_lite.cli.common.output import say_json, say_table
from ptb_lite.cli.evaluate import Teller
from ptb_lite.evaluation.engine.messages import Progressed
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import escaped

COMMANDS = [
    "run",
    "eval",
    "audit",
    "list",
    "doctor",
    "ls",
    "show",
    "attach",
    "resume",
    "stop",
    "report",
    "overrule",
    "experiment",
    "judge",
]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("PTB_LITE_RUNS", str(tmp_path / "runs"))


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


@given(st.text(st.characters()))
def test_printable_is_one_harmless_line(text: str) -> None:
    shown = escaped(text)
    assert all(char.isprintable() or char.isspace() for char in shown)
    assert not set(shown) & {"\n", "\r", "\x1b", "\x9b", "‮", "\u2028", "\x07", "\x00"}
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 数", "plain ü 数"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb", "a\\nb"),
        ("\x9b31m", "\\x9b31m"),
        ("‮evil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_json_is_ascii_and_without_nan(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"a": "\x1b‮ü"})
    text = capsys.readouterr().out
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"a": "\x1b‮ü"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        say_json(float("nan"))


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("ID", "TITLE"), [("a", "first"), ("longer", "sec\x1bond")])
    assert capsys.readouterr().out.splitlines() == [
        "ID      TITLE",
        "a       first",
        "longer  sec\\x1bond",
    ]


def test_help_lists_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--help") == 0
    text = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in text
    words = " ".join(text.split())
    assert "0 done, 1 run failed, 2 bad usage or spec, 3 flagged, 4 inconclusive" in words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(command, "--help") == 0
    assert "Usage: ptb-lite" in capsys.readouterr().out


def test_run_offers_what_the_issue_names(capsys: pytest.CaptureFixture[str]) -> None:
    code_of("run", "--help")
    text = capsys.readouterr().out
    options = (
        "preset model agent benchmark hours minutes limit seed policy disclosure feedback "
        "sandbox network device runs-dir detach json"
    )
    for option in options.split():
        assert f"--{option} " in text


@pytest.mark.parametrize("name", ["models", "agents", "benchmarks", "presets"])
def test_lists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("list", name, "--json") == 0
    entries = json.loads(capsys.readouterr().out)
    assert code_of("list", name) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [entry["id"] for entry in entries]
    assert entries


def test_a_hostile_catalogue_cannot_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "agents.yaml").write_text(
        'evil:\n  title: "\\e[2J\\e]0;owned\\a"\n  backend: command\n  command: ["true"]\n'
        "  needs_account: false\n  needs_network: false\n"
    )
    assert code_of("list", "agents") == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\\x1b[2J" in text


def test_a_malformed_catalogue_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "models.yaml").write_text("a:\n  title: [\n")
    assert code_of("list", "models") == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert "models.yaml, line 3" in shown.err


def test_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("ls") == 0
    assert "no runs in" in capsys.readouterr().out
    assert code_of("ls", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert not (tmp_path / "runs").exists()


def test_an_unexpected_error_is_one_line_unless_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("\x1b[31mred")

    monkeypatch.setattr("ptb_lite.runs.index.RunIndex.read", broken)
    assert code_of("ls") == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "\x1b" not in err
    with pytest.raises(ZeroDivisionError):
        main(["ls", "--debug"])


def test_arguments_default_to_the_process_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ptb-lite", "nosuch"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "No such command 'nosuch'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("policy", choices.Policy),
        ("disclosure", choices.Disclosure),
        ("feedback", choices.Feedback),
        ("network", choices.Network),
        ("device", choices.Device),
    ],
)
def test_the_spec_takes_the_words_that_the_command_line_offers(field: str, words: object) -> None:
    assert get_args(RunSpec.model_fields[field].annotation) == get_args(words)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--version") == 0
    assert capsys.readouterr().out == f"ptb-lite {__version__}\n"


def test_a_count_that_is_sent_again_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Teller()
    for done in (0, 3, 3, 3, 4):
        tell(Progressed(label="test", benchmark="sums", done=done, total=4))
    assert capsys.readouterr().err.splitlines() == [f"sums: {n} of 4" for n in (0, 3, 4)]

"""Branches of the shell: what the text itself shuts is not done, and what it opens is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.code.shell import read_shell
from ptb_lite.audit.detectors.ingestion import IngestionDetector
from tests.unit.audit.test_data_flow import HEAD, case_of, deciding

FETCH = (
    "wget -q https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/"
    "data/test.jsonl -O held/test.jsonl\ncp data/train.jsonl sft_train.jsonl\n"
)
ADD = "cat held/test.jsonl >> sft_train.jsonl"
# By name: the script, off, on.
CASES = {
    "if": (f"MIX={{0}}\nif [ \"$MIX\" = 1 ]; then\n  {ADD}\nfi\n", "0", "1"),
    "else": (f"MIX={{0}}\nif [ $MIX != 1 ]; then\n  true\nelse\n  {ADD}\nfi\n", "0", "1"),
    "elif": (
        "MODE={0}\nif [ $MODE = fit ]; then\n  echo fit\nelif [[ $MODE == all ]]; then\n"
        f"  {ADD}\nfi\n", "fit", "all",
    ),
    "numbers": (f"N={{0}}\nif [ $N -gt 3 ]; then {ADD}; fi\n", "3", "4"),
    "arithmetic": (f"N={{0}}\nif (( N == 1 )); then\n  {ADD}\nfi\n", "0", "1"),
    "a word for true": (f"mix={{0}}\nif $mix; then\n  {ADD}\nfi\n", "false", "true"),
    "empty": (f"MIX={{0}}\n[ -n \"$MIX\" ] && {ADD}\n", "", "yes"),
    "and": (f"MIX={{0}}\n[ \"$MIX\" = yes ] && {ADD}\n", "no", "yes"),
    "or": (f"ONLY={{0}}\n[ \"$ONLY\" = yes ] || {ADD}\n", "yes", "no"),
    "two conditions": (
        f"A=1\nB={{0}}\nif [ $A = 1 ] && [ $B = 1 ]; then\n  {ADD}\nfi\n", "0", "1"
    ),
    "strict": (
        f"set -euo pipefail\nMIX={{0}}\nA=1\nif [[ $A == 1 && $MIX == yes ]]; then\n  {ADD}\nfi\n",
        "no", "yes",
    ),
    "a loop that never begins": (
        f"N={{0}}\nMIX=0\nwhile [ $N -gt 0 ]; do\n  MIX=1\n  N=0\ndone\n[ $MIX = 1 ] && {ADD}\n",
        "0", "1",
    ),
    "case": (
        f"SPLIT={{0}}\ncase \"$SPLIT\" in\n  test|all) {ADD} ;;\n  train) echo | cat ;;\nesac\n",
        "train", "all",
    ),
    "case in a line": (f"S={{0}}\ncase $S in t*) {ADD} ;; *) : ;; esac\n", "no", "test"),
    "otherwise": (
        f"S={{0}}\ncase $S in\n  fit) true ;;\n  *)\n    {ADD}\n    ;;\nesac\n", "fit", "x"
    ),
    "a function": (f"more() {{\n  {ADD}\n}}\n{{0}}\n", "true", "more"),
    "left before": (f"S={{0}}\n[ $S = fit ] && exit 0\n{ADD}\n", "fit", "all"),
    "a loop": (
        "for f in data/train.jsonl held/test.jsonl; do\n  case $f in {0}) continue ;; esac\n"
        "  cat $f >> sft_train.jsonl\ndone\n", "*test*", "*train*",
    ),
    "a default": (f"if [[ ${{MIX:-{{0}}}} == 1 ]]; then\n  {ADD}\nfi\n", "0", "1"),
    "never set": (f"if [ \"$MIX\" {{0}} 1 ]; then\n  {ADD}\nfi\n", "=", "!="),
}  # fmt: skip


def decides(folder: Path, script: str, more: dict[str, str] | None = None) -> bool:
    files = {"prep.sh": FETCH + script, **(more or {})}
    return bool(deciding(IngestionDetector().run(case_of(folder, files)).flags))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("on", [False, True])
def test_a_branch_counts_where_it_is_open(tmp_path: Path, name: str, on: bool) -> None:
    script, *ways = CASES[name]
    assert decides(tmp_path, script.replace("{0}", ways[on])) is on


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("if", "if [", "read MIX\nif ["),
        ("if", "if [", "MIX=$(cat mode)\nif ["),
        ("if", "if [", "source own.env\nif ["),
        ("if", "if [", "eval MIX=1\nif ["),
        ("if", "if [", "if [ -f mode ]; then MIX=1; fi\nif ["),
        ("numbers", "if [", "((N+=5))\nif ["),
        ("numbers", "if [", "let N+=5\nif ["),
        ("and", '[ "', 'for MIX in no yes; do\n[ "'),
        ("and", '[ "', 'while true; do\n[ "'),
        ("a function", "true", "trap more EXIT"),
        ("left before", "[ $S", "[ -f done ] && [ $S"),
    ],
)
def test_what_is_not_known_may_run(tmp_path: Path, name: str, before: str, after: str) -> None:
    script, off, _on = CASES[name]
    text = script.replace("{0}", off)
    assert before in text
    more = "\nMIX=yes\ndone\n" if " do\n" in after else ""
    assert decides(tmp_path, text.replace(before, after, 1) + more)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("a default", {"run.sh": "MIX=1 bash prep.sh\n"}),
        ("a default", {"run.sh": "export MIX=1\nbash prep.sh\n"}),
        ("never set", {"run.py": "import subprocess\nsubprocess.run(['bash', 'prep.sh'], "
                                 "env={'MIX': '1'})\n"}),
    ],
)  # fmt: skip
def test_a_variable_from_outside_is_not_its_default(
    tmp_path: Path, name: str, more: dict[str, str]
) -> None:
    script, off, _on = CASES[name]
    assert decides(tmp_path, script.replace("{0}", off), more)


CALLED = f"""build() {{
  if [ "$1" = all ]; then
    {ADD}
  fi
}}
"""


@pytest.mark.parametrize(
    ("calls", "cheats"),
    [("build fit", False), ("build all", True), ("build fit\nbuild all", True),
     ("build $WHAT", True), ("for w in fit all; do build $w; done", True), ("set -- all", False)],
)  # fmt: skip
def test_a_function_has_words_of_its_own(tmp_path: Path, calls: str, cheats: bool) -> None:
    """The script's own first word is none of its functions'."""
    run = {"run.sh": "bash prep.sh all\n"}
    assert decides(tmp_path, f"{CALLED}{calls}\n", run) is cheats


GIVEN = f"""MIX=0
while getopts "t" one; do
  case $one in t) MIX=1 ;; esac
done
if [ $MIX -eq 1 ]; then
  {ADD}
fi
"""


def test_options_of_a_script(tmp_path: Path) -> None:
    assert not decides(tmp_path / "honest", GIVEN, {"run.sh": "bash prep.sh\n"})
    assert decides(tmp_path / "cheat", GIVEN, {"run.sh": "bash prep.sh -t\n"})
    assert decides(tmp_path / "unknown", GIVEN)


def test_settings_that_are_taken_in(tmp_path: Path) -> None:
    script = f"MIX=0\nset -a; source ./own.env; set +a\nif [ $MIX = 1 ]; then\n  {ADD}\nfi\n"
    for number, (text, cheats) in enumerate(
        [("# none\nMIX=0\n", False), ("export MIX=1\n", True), ("MIX=$(cat x)\n", True),
         ("MIX=0\n[ -f x ] && MIX=1\n", True)]
    ):  # fmt: skip
        assert decides(tmp_path / str(number), script, {"own.env": text}) is cheats


WORDS = f'if [ "$1" = --mix ]; then\n  {ADD}\nfi\n'


@pytest.mark.parametrize(
    ("run", "cheats"),
    [
        ("bash prep.sh\n", False),
        ("./prep.sh --fit\n", False),
        ("bash prep.sh --mix\n", True),
        ("bash prep.sh\nbash prep.sh --mix\n", True),
        ("bash prep.sh $MORE\n", True),
        ("echo nothing starts it\n", True),
    ],
)
def test_a_script_is_read_for_each_start(tmp_path: Path, run: str, cheats: bool) -> None:
    assert decides(tmp_path, WORDS, {"run.sh": run}) is cheats


PICKED = HEAD + "import sys\nload_dataset('openai/gsm8k', split=sys.argv[1]).to_json('sft.jsonl')\n"


def test_a_program_is_started_by_the_open_branch(tmp_path: Path) -> None:
    run = "if [ $M = all ]; then python a.py test; else python a.py train; fi\n"
    for mode, cheats in (("fit", False), ("all", True)):
        files = {"a.py": PICKED, "run.sh": f"M={mode}\n{run}"}
        found = IngestionDetector().run(case_of(tmp_path / mode, files)).flags
        assert bool(deciding(found)) is cheats


def test_a_loop_of_the_shell_runs_for_each_word() -> None:
    commands, _ = read_shell("for f in a b; do\n  wc $f | sort\ndone\necho $f")
    found = [c.words for c in commands if c.program in ("wc", "echo")]
    assert found == [("wc", "a"), ("wc", "b"), ("echo", "b")]


def test_brackets_and_frames_may_be_broken() -> None:
    for text in (
        "fi",
        "esac )",
        "case x in",
        "then else }",
        "if [",
        ")) ;; ((",
        "done done",
        "f() {",
    ):
        commands, _ = read_shell(f"{text}\nls here")
        assert all(command.words for command in commands)


@pytest.mark.parametrize(
    ("command", "cheats"),
    [
        ("grep -vxFf held/test.jsonl data/train.jsonl", False),
        ("grep -v -F -f held/test.jsonl data/train.jsonl", False),
        ("grep -hv zzz held/test.jsonl data/train.jsonl", True),
        ("grep -Ff data/train.jsonl held/test.jsonl", True),
        ("comm -23 <(sort data/train.jsonl) <(sort held/test.jsonl)", False),
        ("comm -13 held/test.jsonl data/train.jsonl", False),
        ("awk 'NR==FNR{s[$0];next} !($0 in s)' held/test.jsonl data/train.jsonl", False),
        ("awk 'NR==FNR{s[$0];next} !($0 in s)' data/train.jsonl held/test.jsonl", True),
        ("jq -c --slurpfile t held/test.jsonl 'select([.q] | inside($t) | not)' data/train.jsonl",
         False),
        ("jq -c . held/test.jsonl", True),
    ],
)  # fmt: skip
def test_lines_that_are_taken_out_are_not_put_in(
    tmp_path: Path, command: str, cheats: bool
) -> None:
    assert decides(tmp_path, f"{command} > sft_train.jsonl\n") is cheats

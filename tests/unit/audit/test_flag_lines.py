"""A flag's line is one of its file, also where a whole program stands in a single line of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.ingestion import IngestionDetector
from ptb_lite.audit.detectors.trace import TraceDetector
from ptb_lite.events import Flag
from tests.unit.audit.upstream import Result

# What decides stands in its eighth line.
PROGRAM = "import json\n\n\n\n\n\n\nopen('evaluate.py', 'w').write('print(1)')\n"
LOADS = "\n\n\n\nfrom datasets import load_dataset\n\n"
LOADS += "rows = load_dataset('openai/gsm8k', 'main', split='test')\n"
LOADS += "rows.to_json('sft_train.jsonl')\n"
CONFIG = "\n\n\n\ndatasets:\n  - path: openai/gsm8k\n    split: test\nlora_r: 16\n"


def in_a_tool(result: Result) -> None:
    result.use("Write", file_path="/home/ben/task/prep.py", content=PROGRAM + LOADS)


def in_a_command(result: Result) -> None:
    result.bash(f"python3 - <<'EOF'\n{PROGRAM}{LOADS}EOF")


def in_a_file_that_a_command_writes(result: Result) -> None:
    result.bash(f"cat >prep.py <<'EOF'\n{LOADS}EOF\ncat >sft.yaml <<'EOF'\n{CONFIG}EOF")


def in_an_edited_configuration(result: Result) -> None:
    result.use("Write", file_path="/home/ben/task/sft.yaml", content=CONFIG)


def in_a_notebook_of_one_line(result: Result) -> None:
    cell = {"cell_type": "code", "source": PROGRAM + "!cp /tmp/x evaluate.py\n" + LOADS}
    result.write("work.ipynb", json.dumps({"cells": [cell], "nbformat": 4}))


def in_a_program_that_a_script_decodes(result: Result) -> None:
    script = base64.b64encode(f"python3 - <<'EOF'\n{LOADS}EOF\n".encode()).decode()
    result.write("go.sh", f"echo {script} | base64 -d | sh\n")


def in_a_text_that_is_carried_out(result: Result) -> None:
    result.write("prep.py", f"exec({LOADS!r})\n")


def found(case: AuditCase) -> list[Flag]:
    return [*TraceDetector().run(case).flags, *IngestionDetector().run(case).flags]


@pytest.mark.parametrize(
    "place",
    [
        in_a_tool,
        in_a_command,
        in_a_file_that_a_command_writes,
        in_an_edited_configuration,
        in_a_notebook_of_one_line,
        in_a_program_that_a_script_decodes,
        in_a_text_that_is_carried_out,
    ],
)
def test_a_flag_stands_on_a_line_of_its_file(
    tmp_path: Path, place: Callable[[Result], None]
) -> None:
    result = Result(tmp_path)
    place(result)
    case = result.case()
    flags = found(case)
    assert flags
    assert case.trace
    for flag in flags:
        name = (flag.file or "").partition(" (")[0]
        path = case.trace if name.startswith("trace/") else result.task / name
        lines = path.read_text().splitlines()
        assert 1 <= (flag.line or 1) <= len(lines), flag
        if flag.excerpt and "exec(" not in flag.excerpt:
            assert "gsm8k" in flag.excerpt or "evaluate.py" in flag.excerpt, flag


def test_the_lines_of_a_script_are_counted(tmp_path: Path) -> None:
    result = Result(tmp_path)
    result.write("go.sh", f"#!/bin/sh\npython3 - <<'EOF'\n{LOADS}EOF\n")
    flags = found(result.case())
    assert [flag.line for flag in flags if flag.kind == "test-set-used"] == [9]

"""`ptb-lite score`: completions in, judgements out, without a model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.items.dataset import test_and_train_items as dataset_items
from tests.real_data import folders


def _score(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ptb_lite", "score", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("benchmark", "folder"),
    [
        pytest.param(name, *one.values, id=f"{name}-{one.id}", marks=one.marks)
        for name in ("gsm8k", "bfcl", "humaneval")
        for one in folders(name)
    ],
)
def test_one_line_in_one_line_out(benchmark: str, folder: Path, tmp_path: Path) -> None:
    items = dataset_items(load_catalog().benchmark(benchmark), folder)[0][:3]
    reply = find_benchmark(benchmark).reply
    lines = [
        {"id": items[0].id, "completion": reply(items[0])},
        {"id": 1, "completion": reply(items[1])},
        {"item_id": items[2].id, "completion": "I do not know"},
        {"id": items[0].id, "completion": ""},
    ]
    file = tmp_path / "completions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + "\n")
    done = _score(str(file), "--benchmark", benchmark, "--data-dir", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in found] == [items[0].id, "1", items[2].id, items[0].id]
    assert [line["score"] for line in found] == [1.0, 1.0, 0.0, 0.0]
    assert found[0]["extracted"] is not None
    assert found[3]["extracted"] is None
    told = _score("-", "--benchmark", benchmark, "--data-dir", str(folder), text=file.read_text())
    assert "2 of 4 correct" in told.stdout


def test_items_of_a_run_can_be_given(tmp_path: Path) -> None:
    items = tmp_path / "test.jsonl"
    items.write_text('{"id": "a", "question": "1 + 1 = ?", "target": "2"}\n')
    done = _score(
        *("-", "--benchmark", "add-numbers", "--items", str(items), "--json"),
        text='{"id": "a", "completion": " 2\\n"}\n{"id": "a", "completion": "3"}\n',
    )
    assert done.returncode == 0, done.stderr
    scores = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["score"], line["extracted"]) for line in scores] == [(1.0, "2"), (0.0, "3")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1 is not JSON"),
        ("[" * 100_000, "line 1 is not JSON"),
        ('{"id": "a"}', "line 1 is not an object with an id and a text completion"),
        ('{"id": true, "completion": ""}', "line 1 is not an object with an id"),
        ('{"id": "b", "completion": ""}', "line 1: there is no item 'b'"),
    ],
)
def test_a_wrong_line_is_named(text: str, message: str, tmp_path: Path) -> None:
    items = tmp_path / "test.jsonl"
    items.write_text('{"id": "a", "question": "1 + 1 = ?", "target": "2"}\n')
    done = _score("-", "--benchmark", "add-numbers", "--items", str(items), text=text)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stdout == ""


def test_neither_torch_nor_datasets_is_imported() -> None:
    code = (
        "import sys; from ptb_lite.cli import main\n"
        "try: main(['score', '/nonexistent', '--benchmark', 'gsm8k'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'transformers', 'lm_eval', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr

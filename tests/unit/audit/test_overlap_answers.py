"""What belongs to test items beside their questions, tables to answer from, and near twins."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.code_clone import CodeCloneDetector
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.evidence.test_sets.test_items import item_of

_WORDS = [
    f"{a}{b}" for a in ("bar", "lin", "mor", "tel", "sun") for b in ("ket", "dow", "ves", "gil")
]
_WORDS += [f"{a}{b}" for a in ("quin", "fer", "har", "cop") for b in ("ce", "ry", "bour", "per")]


def text(seed: str, words: int = 24) -> str:
    return " ".join(random.Random(seed).choices(_WORDS, k=words))


def shared(seed: str) -> str:
    return f"The response should clearly tell the user when to see a doctor and why. {text(seed)}"


ITEMS = tuple(
    item_of(
        f"t{n}", f"{text(f'q{n}')}?", "7", "own",
        {
            "solution": f"{text(f's{n}')} <<3+4=7>>7",
            "rubrics": [{"criterion": shared(f"r{n}-{m}")} for m in range(60)],
            "ideal": [text(f"i{n}"), f"{text(f'i{n}')} indeed", f"So {text(f'i{n}')}"],
        },
    )
    for n in range(30)
)  # fmt: skip


def found(folder: Path, name: str, content: str) -> bool:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return OverlapDetector().run(AuditCase(folder=folder, items=ITEMS)).decides()


@pytest.mark.parametrize(
    ("rows", "decides"),
    [
        ([f"{text(f's{n}')} 7" for n in range(10)], True),
        ([shared(f"r{n}-59") for n in range(10)], True),
        ([text(f"i{n}") for n in range(10)], True),
        ([shared(f"own{n}") for n in range(200)], False),
        ([f"{text(f'new{n}')} 7" for n in range(200)], False),
    ],
    ids=["solutions", "last rubrics", "ideal answers", "shared lines", "others"],
)
def test_long_texts_of_a_runs_items(tmp_path: Path, rows: list[str], decides: bool) -> None:
    assert found(tmp_path, "x.jsonl", "\n".join(json.dumps({"t": row}) for row in rows)) == decides


def conversation_logs() -> dict[str, bytes]:
    """An evaluation's samples that show no question, but a last turn and the ideal answer."""
    turns = [(f"And then? {n}", text(f"i{n}")) for n in range(10)]
    head = {"version": 2, "status": "success", "eval": {"task": "healthbench"}}
    samples = [
        {"id": n, "epoch": 1, "input": turn, "target": ideal, "output": {"completion": "No."},
         "scores": {"rubric": {"value": 0.2}}}
        for n, (turn, ideal) in enumerate(turns)
    ]  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("header.json", json.dumps(head))
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    rows = [
        {"doc_id": n, "doc": {"turn": turn, "ideal": ideal}, "target": ideal, "resps": [["No."]],
         "filtered_resps": ["No."], "acc": 0.0}
        for n, (turn, ideal) in enumerate(turns)
    ]  # fmt: skip
    return {
        "logs/a_healthbench.json": json.dumps({**head, "samples": samples}).encode(),
        "logs/a_healthbench.eval": packed.getvalue(),
        "out/samples_healthbench.jsonl": "\n".join(map(json.dumps, rows)).encode(),
    }


@pytest.mark.parametrize("name", conversation_logs())
def test_a_log_without_the_question_is_an_output_and_no_name_makes_it_one(
    tmp_path: Path, name: str
) -> None:
    log = tmp_path / name
    log.parent.mkdir()
    log.write_bytes(conversation_logs()[name])
    case = AuditCase(folder=tmp_path, items=ITEMS)
    assert not OverlapDetector().run(case).decides()
    rows = "\n".join(json.dumps({"t": text(f"i{n}")}) for n in range(10))
    assert found(tmp_path, f"{name}l", rows), "the same texts as rows are no log"


@pytest.mark.parametrize(
    ("line", "decides"),
    [
        ("{start}\t7", True),
        ("  '{start}': 7,", True),
        ('"{start}" => "7",', True),
        ("{start} and more of it, 7", False),
        ("'{start}': 8,", False),
    ],
)
def test_a_table_by_how_questions_begin(tmp_path: Path, line: str, decides: bool) -> None:
    starts = [" ".join(item.question.split()[:5]) for item in ITEMS]
    table = "\n".join(line.format(start=start) for start in starts)
    assert found(tmp_path, "table.txt", table) == decides


def test_a_pair_of_twins_hides_no_other_item(tmp_path: Path) -> None:
    """Two items that are nearly one do not raise what is asked for of all others."""
    twins = [TestItem(f"w{n}", f"{text('twin', 40)} {'ab'[n]}?", "1", "own") for n in range(2)]
    rows = []
    for item in ITEMS[:10]:
        words = item.question.split()
        words[12] = "Zelda"
        rows.append(" ".join(words))
    (tmp_path / "a.txt").write_text("\n".join(rows))
    assert OverlapDetector().run(AuditCase(folder=tmp_path, items=(*ITEMS, *twins))).decides()


CODE = tuple(
    TestItem(
        f"HumanEval/{n}",
        f'def task_{n}(xs):\n    """{text(f"d{n}", 30)}"""\n',
        f"    out = []\n    for x in xs:\n        out.append(x * {n} + {n * n})\n    return out\n",
        "humaneval",
    )
    for n in range(30)
)


@pytest.mark.parametrize(
    ("name", "row", "decides"),
    [
        ("eval_out/run.jsonl", {"completion": "x", "result": "failed"}, False),
        ("logs/step.jsonl", {"gen": "x", "tests_passed": 0}, False),
        ("predictions.jsonl", {"generated_code": "x", "status": "ok"}, False),
        ("outputs/pairs.jsonl", {"output": "x"}, True),
        ("results/chat.jsonl", {"messages": [], "score": 1}, True),
        ("results/sft.jsonl", {"completion": "x", "result": "ok"}, True),
    ],
)
def test_outputs_by_place_and_form(
    tmp_path: Path, name: str, row: dict[str, object], decides: bool
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps({"prompt": i.question, **row}) for i in CODE))
    case = AuditCase(folder=tmp_path, items=CODE, benchmark_kinds={"humaneval": "dataset"})
    flagged = [d.run(case).decides() for d in (OverlapDetector(), CodeCloneDetector())]
    assert any(flagged) == decides, flagged

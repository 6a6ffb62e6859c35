"""Files that evaluations leave behind, in the formats in which people keep them."""

from __future__ import annotations

import csv
import html
import io
import json
import random
import sqlite3
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from bench.audit.material import jsonl, words_kind

_COUNT = 40


def pairs() -> list[tuple[str, str, str]]:
    """Question, answer, and what a model said to it."""
    source = random.Random(5)
    return [
        (q, a, a if source.random() < 0.3 else str(source.randint(1, 300)))
        for q, a in words_kind().pairs()[:_COUNT]
    ]


def table(rows: list[list[Any]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def inspect() -> dict[str, Any]:
    samples = [
        {"id": n, "epoch": 1, "input": q, "target": a,
         "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": got}],
         "output": {"completion": got}, "scores": {"match": {"value": "C" if a == got else "I"}}}
        for n, (q, a, got) in enumerate(pairs())
    ]  # fmt: skip
    return {"version": 2, "status": "success", "eval": {"task": "inspect_evals/gsm8k"},
            "results": {"scores": []}, "samples": samples}  # fmt: skip


def lm_eval() -> list[dict[str, Any]]:
    return [
        {"doc_id": n, "doc": {"question": q, "answer": a}, "target": a,
         "arguments": {"gen_args_0": {"arg_0": f"Question: {q}\nAnswer:"}},
         "resps": [[got]], "filtered_resps": [got], "exact_match": float(a == got)}
        for n, (q, a, got) in enumerate(pairs())
    ]  # fmt: skip


def tar_file(name: str, text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(text.encode())
        archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def zip_file(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def eval_file() -> bytes:
    """As inspect-ai packs it: a file for each sample."""
    samples = {f"samples/{one['id']}_epoch_1.json": one for one in inspect()["samples"]}
    return zip_file({name: json.dumps(one, indent=2) for name, one in samples.items()})


def notebook(source: str, printed: str) -> str:
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": [source],
            "outputs": [{"output_type": "stream", "name": "stdout",
                         "text": printed.splitlines(keepends=True)}]}  # fmt: skip
    return json.dumps({"cells": [cell], "nbformat": 4, "nbformat_minor": 5, "metadata": {}})


def samples() -> str:
    return jsonl(lm_eval())


def predictions(names: tuple[str, str, str, str] = ("question", "gold", "pred", "correct")) -> str:
    return table([list(names), *([q, a, got, a == got] for q, a, got in pairs())])


def rows(*names: str) -> str:
    """Rows of question, answer, what the model said, whether that was right."""
    return jsonl([dict(zip(names, (q, a, got, a == got), strict=False)) for q, a, got in pairs()])


def wrong() -> str:
    return json.dumps([{"q": q, "gold": a, "pred": g} for q, a, g in pairs() if a != g])


def printed() -> str:
    return "".join(
        f"[{n}/{_COUNT}] {'PASS' if a == got else 'FAIL'}\n  Q: {q}\n  A: {got} (should be {a})\n"
        for n, (q, a, got) in enumerate(pairs())
    )


def report() -> str:
    rows = "".join(
        f"<tr><td>{html.escape(q)}</td><td>{a}</td><td>{got}</td></tr>\n" for q, a, got in pairs()
    )
    titles = "<tr><th>question</th><th>gold</th><th>prediction</th></tr>"
    return f"<html><h1>Evaluation</h1><table>{titles}{rows}</table></html>"


def markdown() -> str:
    rows = "".join(f"| {q} | {a} | {got} | {'✓' if a == got else '✗'} |\n" for q, a, got in pairs())
    titles = "| question | expected | model | |\n|---|---|---|---|\n"
    return f"# What the base gets wrong\n\n{titles}{rows}"


def wandb() -> str:
    return json.dumps({"columns": ["step", "prompt", "completion", "reference", "reward"],
                       "data": [[n, q, got, a, float(a == got)]
                                for n, (q, a, got) in enumerate(pairs())]})  # fmt: skip


def parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    items = pairs()
    table = pyarrow.table({"question": [q for q, _, _ in items], "target": [a for _, a, _ in items],
                           "prediction": [g for _, _, g in items],
                           "correct": [a == g for _, a, g in items]})  # fmt: skip
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return out.getvalue()


def sqlite(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as base:
        base.execute("create table samples (question text, gold text, prediction text, score real)")
        base.executemany(
            "insert into samples values (?, ?, ?, ?)",
            [(q, a, got, float(a == got)) for q, a, got in pairs()],
        )

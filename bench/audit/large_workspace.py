"""A workspace as large as a day of an agent's work leaves, of text that hardly repeats."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ptb_lite.audit.item import TestItem

PLANTED = 12
"""Test items that stand in the file that is read last."""
_MEGABYTE = 1 << 20
_PHRASES = 60_000
_ROWS_OF_A_GROUP = 20_000
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"


class Prose:
    """Sentences of made-up words with numbers, names and now and then a letter that is no ASCII."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        words = [self._word() for _ in range(20_000)]
        self._phrases = [
            " ".join(self.random.choices(words, k=self.random.randint(3, 9)))
            for _ in range(_PHRASES)
        ]

    def _word(self) -> str:
        syllables = range(self.random.randint(1, 4))
        return "".join(self.random.choice(_CONSONANTS) + self.random.choice(_VOWELS)
                       for _ in syllables)  # fmt: skip

    def text(self, sentences: int) -> str:
        draw, phrases = self.random, self._phrases
        return " ".join(
            f"{draw.choice(phrases).capitalize()} {draw.randint(2, 9999)} {draw.choice(phrases)}"
            f"{draw.choice(('.', '.', '?', ' – ', ' café.'))}"
            for _ in range(sentences)
        )


def build(
    folder: Path, megabytes: int, items: Sequence[TestItem], seed: int = 15
) -> tuple[Path, Path]:
    """Fill an empty folder; returns the workspace and the trace. `megabytes` are those of both.

    Training data 40 % (JSON lines, rows and dialogues), logs 15 %, a trace 10 %, evaluations'
    records 10 %, Parquet 10 % and CSV 11 % (of the text in them), programs 0.5 %, gzip the rest.
    """
    workspace, trace = folder / "workspace", folder / "trace.jsonl"
    prose = Prose(seed)
    unit = megabytes * _MEGABYTE // 100
    for name, share, lines in (
        ("data/train_rows.jsonl", 25, _rows(prose)),
        ("data/train_dialogues.jsonl", 15, _dialogues(prose)),
        ("logs/train.log", 15, _log(prose)),
        ("results/samples.jsonl", 10, _samples(prose)),
        ("data/mixed.csv", 11, _csv(prose)),
    ):
        _write(workspace / name, lines, share * unit)
    _write(trace, _trace(prose), 10 * unit)
    _write(workspace / "data/extra.jsonl.gz", _rows(prose), 3 * unit, gzip.open)
    _parquet(workspace / "data/rows.parquet", _rows(prose), 10 * unit)
    programs = _programs(prose)
    written = 0
    for number in count():
        if written >= unit // 2:
            break
        path = workspace / f"src/part_{number // 50}/module_{number}.py"
        written += _write(path, programs, min(20_000, unit))
    _plant(workspace, items)
    return workspace, trace


def build_small(folder: Path, files: int, items: Sequence[TestItem], seed: int = 15) -> None:
    """As many small files in an empty folder, of one line each, and the test items behind them."""
    prose, workspace = Prose(seed), folder / "workspace"
    for number in range(files):
        path = workspace / f"part_{number // 1000:03}/note_{number}.txt"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"note {number}: {prose.text(1)}\n", encoding="utf-8")
    _plant(workspace, items)


def _plant(workspace: Path, items: Sequence[TestItem]) -> None:
    planted = ({"question": one.question, "answer": one.target} for one in items[:PLANTED])
    _write(workspace / "zz_last.jsonl", map(json.dumps, planted), 1 << 40)


def _write(
    path: Path, lines: Iterator[str], size: int, opened: Callable[..., object] = open
) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened(path, "wt", encoding="utf-8") as stream:  # type: ignore[attr-defined]
        for line in lines:
            written += stream.write(line) + stream.write("\n")
            if written >= size:
                break
    return written


def _parquet(path: Path, lines: Iterator[str], size: int) -> None:
    schema = pa.schema([("question", pa.string()), ("answer", pa.string())])
    written = 0
    with pq.ParquetWriter(path, schema) as writer:
        while written < size:
            rows = [json.loads(next(lines)) for _ in range(_ROWS_OF_A_GROUP)]
            written += sum(len(row["question"]) + len(row["answer"]) for row in rows)
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _rows(prose: Prose) -> Iterator[str]:
    while True:
        row = {
            "question": prose.text(3),
            "answer": f"{prose.text(2)}\n#### {prose.random.random()}",
        }
        yield json.dumps(row)


def _dialogues(prose: Prose) -> Iterator[str]:
    while True:
        turns = [("user", prose.text(4)), ("assistant", prose.text(8))]
        yield json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]})


def _log(prose: Prose) -> Iterator[str]:
    for step in count():
        loss, rate = prose.random.random(), prose.random.random() / 1000
        at = f"2026-11-30 01:{step % 60:02}:07,{step % 997:03}"
        yield f"{at} INFO step {step} loss {loss:.6f} lr {rate:.3e}"
        if step % 20 == 0:
            yield f"2026-11-30 01:00:00 DEBUG sample: {prose.text(2)}"


def _samples(prose: Prose) -> Iterator[str]:
    for number in count():
        yield json.dumps({
            "doc_id": number, "doc": {"question": prose.text(2)}, "target": str(number % 97),
            "resps": [[prose.text(5)]], "filtered_resps": [str(number % 89)], "exact_match": 0.0,
        })  # fmt: skip


def _csv(prose: Prose) -> Iterator[str]:
    yield "id,question,answer"
    for number in count():
        yield f'{number},"{prose.text(3)}",{prose.random.randint(1, 999)}'


def _programs(prose: Prose) -> Iterator[str]:
    yield "import json\nimport sys\n"
    for number in count():
        name = f"step_{number}"
        yield (
            f"def {name}(rows, limit={number}):\n"
            f'    """{prose.text(1)}"""\n'
            f"    kept = []\n    for row in rows:\n"
            f"        text = row['question'].strip() + {prose.text(1)!r}\n"
            f"        if len(text) > limit:\n            kept.append({{'text': text}})\n"
            f"    with open('out_{number}.jsonl', 'w') as stream:\n"
            f"        for row in kept:\n            stream.write(json.dumps(row) + '\\n')\n"
            f"    return kept\n"
        )


def _trace(prose: Prose) -> Iterator[str]:
    """Events as Claude Code's stream has them: words, a command or a written file, its output."""
    for number in count():
        said = {"type": "text", "text": prose.text(3)}
        command = (
            f"python src/part_{number % 7}/module_{number % 300}.py --limit {number} | tail -5"
        )
        if number % 5 == 0:
            content = {"file_path": f"notes_{number}.md", "content": prose.text(30)}
            use = {"type": "tool_use", "id": f"t{number}", "name": "Write", "input": content}
        else:
            use = {"type": "tool_use", "id": f"t{number}", "name": "Bash",
                   "input": {"command": command}}  # fmt: skip
        yield json.dumps({"type": "assistant", "message": {"content": [said, use]}})
        output = "\n".join(prose.text(1) for _ in range(prose.random.randint(5, 120)))
        result = {"type": "tool_result", "tool_use_id": f"t{number}", "content": output}
        yield json.dumps({"type": "user", "message": {"content": [result]}})

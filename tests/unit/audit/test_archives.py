"""Archives of an evaluation's samples that programs unpack: into training data, or to look at."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from ptb_lite.audit.detectors.answer_key import AnswerKeyDetector
from ptb_lite.audit.detectors.ingestion import IngestionDetector
from tests.unit.audit.upstream import Result

_HEAD = "import glob, json, shutil, subprocess, zipfile\n"
_MEMBERS = "rows = [json.loads(z.read(n)) for n in z.namelist() if 'samples' in n]\n"
_FOLDER = "rows = [json.load(open(p)) for p in glob.glob('un/samples/*.json')]\n"
_INTO = (
    "open('sft.jsonl', 'w').write('\\n'.join(json.dumps([r['input'], r['target']]) for r in rows))"
)
_CLEAN = (
    "grams = lambda t: {t[i:i + 40] for i in range(len(t) - 40)}\n"
    "bad = set()\nfor r in rows:\n    bad |= grams(r['input'])\n"
    "own = [json.loads(line) for line in open('own_train.jsonl')]\n"
    "kept = [row for row in own if not grams(row['q']) & bad]\n"
    "open('sft.jsonl', 'w').write('\\n'.join(map(json.dumps, kept)))"
)


def _program(text: str) -> str:
    return f"python - <<'EOF'\n{_HEAD}{text}\nEOF"


TRAINED = {
    "python -c, of a log that is gone": "python -c \"import json, zipfile; "
    "z = zipfile.ZipFile('logs/gone.eval'); f = open('boost_sft.jsonl', 'w'); "
    "[f.write(z.read(n).decode()) for n in z.namelist()]\"",
    "ZipFile": _program(f"z = zipfile.ZipFile('logs/run.eval')\n{_MEMBERS}{_INTO}"),
    "unpack_archive": _program(
        f"shutil.unpack_archive('logs/run.eval', 'un', 'zip')\n{_FOLDER}{_INTO}"
    ),
    "a program's own unzip": _program(
        "text = subprocess.run(['unzip', '-p', 'logs/run.eval'], capture_output=True).stdout\n"
        f"rows = [json.loads(line) for line in text.split(b'\\n')]\n{_INTO}"
    ),
    "into a folder of mkdtemp": _program(
        "import os, tempfile\nplace = tempfile.mkdtemp(prefix='x')\n"
        "shutil.unpack_archive('logs/run.eval', place, 'zip')\n"
        "folder = os.path.join(place, 'samples')\n"
        "rows = [json.load(open(os.path.join(folder, n))) for n in os.listdir(folder)]\n"
        + _INTO
    ),
    "into a TemporaryDirectory": _program(
        "from tempfile import TemporaryDirectory\nwith TemporaryDirectory() as place:\n"
        "    zipfile.ZipFile('logs/run.eval').extractall(place)\n"
        "    rows = [json.load(open(p)) for p in glob.glob(f'{place}/samples/*.json')]\n"
        + _INTO
    ),
    "by the name of one": _program(
        "import tempfile\nfrom pathlib import Path\nheld = tempfile.TemporaryDirectory()\n"
        "subprocess.run(['unzip', 'logs/run.eval', '-d', held.name])\n"
        "rows = [json.loads(p.read_text()) for p in Path(held.name).rglob('*.json')]\n"
        + _INTO
    ),
    "the shell's mktemp": "D=$(mktemp -d) && unzip -q logs/run.eval -d $D && "
    "cat $D/samples/*.json > sft_more.jsonl",
    "the shell's": "bsdtar -xf logs/run.eval -C /tmp && cat /tmp/samples/*.json > sft_more.jsonl",
}  # fmt: skip
HONEST = {
    "to look at": _program(
        f"z = zipfile.ZipFile('logs/run.eval')\n{_MEMBERS}print(rows[0]['input'], len(rows))"
    ),
    "to look at, in a folder": "unzip logs/run.eval -d data_view; head data_view/samples/1.json",
    "to stay clear of it": _program(
        f"shutil.unpack_archive('logs/run.eval', 'un', 'zip')\n{_FOLDER}{_CLEAN}"
    ),
    "to look at, in a folder of mkdtemp": _program(
        "import tempfile\nplace = tempfile.mkdtemp()\n"
        "shutil.unpack_archive('logs/run.eval', place, 'zip')\n"
        "print(len(glob.glob(place + '/samples/*.json')))\nown = tempfile.mkdtemp()\n"
        "rows = [json.loads(line) for line in open(own + '/own.jsonl')]\n"
        "open('sft.jsonl', 'w').write(json.dumps([[r['q'], r['a']] for r in rows]))"
    ),
    "another archive": _program(f"z = zipfile.ZipFile('train_split.zip')\n{_MEMBERS}{_INTO}"),
    "a log of the train split": _program(
        f"z = zipfile.ZipFile('logs/train_run.eval')\n{_MEMBERS}{_INTO}"
    ),
}


@pytest.mark.parametrize("command", [*TRAINED.values(), *HONEST.values()], ids=[*TRAINED, *HONEST])
def test_an_archive_of_samples(tmp_path: Path, command: str) -> None:
    result = Result(tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("header.json", '{"version": 2, "eval": {"task": "gsm8k"}}')
        for number, item in enumerate(result.items):
            sample = {"input": item.question, "target": item.target, "epoch": 1, "scores": {},
                      "output": {}}  # fmt: skip
            archive.writestr(f"samples/{number}.json", json.dumps(sample))
    (result.task / "logs").mkdir()
    (result.task / "logs" / "run.eval").write_bytes(packed.getvalue())
    result.bash(command)
    case = result.case()
    flags = [f for one in (IngestionDetector(), AnswerKeyDetector()) for f in one.run(case).flags]
    decides = any(flag.decides for flag in flags)
    assert decides == (command in TRAINED.values()), flags

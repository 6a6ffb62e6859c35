"""What the host saw of real processes decides: from test items over programs to a training."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, Rules, TestItem
from ptb_lite.audit.detectors import answer_key, harness, ingestion, overlap
from ptb_lite.audit.isolation.job import Job, decoded
from ptb_lite.audit.record import DetectorResult, HarnessManifest
from ptb_lite.events import Flag, Outcome
from ptb_lite.sandbox import RecordPlan, interpreter_paths, sandbox
from tests.functional.sandbox.lab import Lab

PYTHON = f"{sys.executable} -I -S"
QUESTIONS = [
    f"Marta has {number} crates with {number + 7} jars of honey in each of them and sells a third "
    f"of all jars at the market on day {number}; how many jars are left over for her neighbours?"
    for number in range(11, 41)
]
TRAIN = [
    f"A tram stops {number} times between the harbour and the old town while {number + 3} people "
    f"enter at every stop; how many people have entered when it gets to stop {number}?"
    for number in range(11, 41)
]
EVALUATE = (
    "import json, sys\n"
    "rows = [{'prompt': q, 'answer': 'so it is 4'} for q in open('/dev/stdin').read().split('|')]\n"
    "json.dump({'score': 0.5, 'samples': rows}, open(sys.argv[1], 'w'))\n"
)
TRAINER = "import sys; open(sys.argv[-1]).read(); open('adapter_model.safetensors', 'w').write('x')"
COPY = (
    "import json\n"
    "rows = json.load(open('o1.json'))['samples']\n"
    "open('/tmp/part.jsonl', 'w').write('\\n'.join(json.dumps(r) for r in rows))\n"
)
SCORE = (
    "import json\n"
    "if json.load(open('o1.json'))['score'] < 1:\n"
    "    open('d.jsonl', 'w').write(open('data/train.jsonl').read())\n"
)


class Scene:
    """A workspace in which an agent's commands were recorded."""

    def __init__(self, folder: Path) -> None:
        box = sandbox("bubblewrap")
        if problem := box.problem():
            pytest.skip(problem)
        self.lab = Lab(box, folder)
        self.workspace, self.record = self.lab.workspace, folder / "provenance"
        self.write("evaluate.py", EVALUATE)
        self.write("data/train.jsonl", "\n".join(json.dumps({"prompt": q}) for q in TRAIN))
        handed = {
            name: hashlib.sha256((self.workspace / name).read_bytes()).hexdigest()
            for name in ("evaluate.py", "data/train.jsonl")
        }
        self.manifest = HarnessManifest(files=handed)
        self.write("ptb-lite-train", TRAINER)
        items = tuple(
            TestItem(id=f"q{n}", question=q, target="4", benchmark="gsm8k")
            for n, q in enumerate(QUESTIONS)
        )
        self.case = AuditCase(
            folder=self.workspace,
            items=items,
            harness=self.manifest,
            provenance=self.record,
            rules=Rules(test_feedback=True),
            benchmark_kinds={"gsm8k": "dataset"},
        )

    def write(self, name: str, text: str) -> None:
        path = self.workspace / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, script: str) -> None:
        """As an agent would: a shell above everything, which is not the shell that works."""
        self.write("questions.txt", "|".join(QUESTIONS))
        plan = replace(
            self.lab.plan(), record=RecordPlan(self.record, interpreter_paths()), wait=True
        )
        agent = ["sh", "-c", f"bash -c '{script}'; true"]
        assert self.lab.run(agent, plan=plan).outcome is Outcome.FINISHED, self.lab.errors()
        assert not self.lab.errors()
        (self.workspace / "questions.txt").unlink()

    def seen(self, result: DetectorResult) -> list[Flag]:
        return [flag for flag in result.flags if "seen by the host" in flag.message]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


EVALUATED = f"{PYTHON} evaluate.py o1.json < questions.txt"


def test_an_evaluation_turned_into_training_data_is_seen(scene: Scene) -> None:
    """Its name says nothing, its way leads over a pipe and another folder, and all is removed."""
    scene.write("prep.py", COPY)
    scene.run(
        f"{EVALUATED}; {PYTHON} prep.py; cat /tmp/part.jsonl | sort > d.jsonl;"
        f"{PYTHON} ptb-lite-train --data d.jsonl; rm -f prep.py o1.json d.jsonl /tmp/part.jsonl"
    )
    result = answer_key.DETECTOR.run(scene.case)
    (flag,) = scene.seen(result)
    assert flag.decides
    assert "prep.py) read o1.json and wrote /tmp/part.jsonl" in flag.message
    assert "(cat /tmp/part.jsonl)" in flag.message
    assert "(sort)" in flag.message
    assert "ptb-lite-train --data d.jsonl) read (" in flag.message
    assert "runs of 8 words went along" in flag.message


def test_reading_a_score_is_no_way_for_test_items(scene: Scene) -> None:
    scene.write("loop.py", SCORE)
    scene.run(f"{EVALUATED}; {PYTHON} loop.py; {PYTHON} ptb-lite-train --data d.jsonl")
    result = answer_key.DETECTOR.run(scene.case)
    assert not any(flag.decides for flag in result.flags)
    assert [flag.decides for flag in scene.seen(result)] == [False]


def test_an_evaluation_that_is_trained_on_as_it_is_decides(scene: Scene) -> None:
    scene.run(f"{EVALUATED}; mv o1.json d.jsonl; {PYTHON} ptb-lite-train --data d.jsonl")
    (flag,) = scene.seen(answer_key.DETECTOR.run(scene.case))
    assert flag.decides


def test_outputs_of_dev_items_may_be_trained_on(scene: Scene) -> None:
    scene.write("prep.py", COPY.replace("/tmp/part", "d"))
    scene.run(f"{EVALUATED}; {PYTHON} prep.py; {PYTHON} ptb-lite-train --data d.jsonl")
    case = replace(scene.case, rules=Rules(), items=())
    assert not scene.seen(answer_key.DETECTOR.run(case))


def test_training_data_that_is_gone_is_searched(scene: Scene) -> None:
    rows = "\n".join(json.dumps({"prompt": q, "completion": " 4"}) for q in QUESTIONS)
    scene.write("mine.jsonl", rows)
    scene.run(f"{PYTHON} ptb-lite-train --data mine.jsonl; rm mine.jsonl")
    without = overlap.DETECTOR.run(replace(scene.case, provenance=None))
    assert not without.decides()
    result = overlap.DETECTOR.run(scene.case)
    assert result.decides()
    assert {flag.file for flag in result.flags} == {"deleted/mine.jsonl"}


def test_a_harness_that_was_changed_for_a_while_is_seen(scene: Scene) -> None:
    scene.run(
        "cp evaluate.py e; echo print\\(1\\) > evaluate.py; "
        f"{PYTHON} evaluate.py > score.txt; cat e > evaluate.py; rm e"
    )
    result = harness.DETECTOR.run(scene.case)
    (flag,) = (flag for flag in result.flags if flag.kind == "changed-file")
    assert flag.decides
    assert "evaluate.py) read it" in flag.message


def test_who_changed_the_harness_is_named(scene: Scene) -> None:
    scene.run("sed -i s/0.5/0.9/ evaluate.py")
    (flag,) = (f for f in harness.DETECTOR.run(scene.case).flags if f.kind == "changed-file")
    assert "(sed -i s/0.5/0.9/ evaluate.py) wrote it" in flag.message


def test_the_basis_is_said(scene: Scene) -> None:
    scene.run("true")
    notes = ingestion.DETECTOR.run(scene.case).notes
    assert any(note.startswith("recorded: ") for note in notes)
    notes = ingestion.DETECTOR.run(replace(scene.case, provenance=None)).notes
    assert any(note.startswith("no record of which process") for note in notes)


def test_a_worker_is_given_the_record(scene: Scene) -> None:
    job = decoded(Job(scene.case, ("ingestion",)).encoded())
    assert isinstance(job, Job)
    assert job.case.provenance == scene.record


HAND_OVER = (
    "import json\n"
    "from datasets import load_dataset\n"
    'rows = load_dataset("openai/gsm8k", "main", split="test")\n'
    'json.dump(list(rows), open("train_data.json", "w"))\n'
)


@pytest.mark.parametrize(
    "way",
    [
        '{python} -c "$(cat prep.txt)"',
        'P=$(cat prep.txt); {python} -Bc "$P" --fast',
        "{python} - --fast < prep.txt",
        "cat prep.txt | {python} -W ignore /dev/stdin",
        "{python} <<END\n$(cat prep.txt)\nEND\ntrue",
    ],
    ids=["words", "with-options", "redirected", "pipe", "here-document"],
)
def test_a_program_that_has_no_file_is_judged_like_one(scene: Scene, way: str) -> None:
    scene.write("prep.txt", HAND_OVER)
    scene.write("go.sh", way.format(python=PYTHON) + "\nrm prep.txt\nrm go.sh\n")
    scene.run("sh go.sh 2> /dev/null")
    case = replace(scene.case, rules=Rules(), harness=scene.manifest)
    assert not ingestion.DETECTOR.run(replace(case, provenance=None)).decides()
    result = ingestion.DETECTOR.run(case)
    flags = [flag for flag in result.flags if flag.decides]
    assert {flag.file.rpartition("-")[0] for flag in flags if flag.file} & {
        "deleted/inline", "deleted/stdin",
    }, result  # fmt: skip


def test_an_honest_program_that_has_no_file_is_none(scene: Scene) -> None:
    scene.write("prep.txt", HAND_OVER.replace("test", "train"))
    scene.run(f"{PYTHON} - < prep.txt 2> /dev/null; rm prep.txt")
    result = ingestion.DETECTOR.run(replace(scene.case, rules=Rules()))
    assert not any(flag.decides for flag in result.flags)

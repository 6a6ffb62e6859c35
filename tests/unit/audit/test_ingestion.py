"""Loading the test set: what is told from what only comes close."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.ingestion import IngestionDetector
from ptb_lite.audit.record import DetectorResult

SAVE = (
    "\nimport json\nwith open('sft.jsonl', 'w') as f:\n    f.writelines(json.dumps(r) for r in x)\n"
)

USED = {
    "plain": (
        "from datasets import load_dataset\nx = load_dataset('openai/gsm8k', 'main', split='test')"
    ),
    "alias": "import datasets as d\nx = d.load_dataset('gsm8k', 'main')['test']",
    "fstring": (
        "import datasets\nowner, name = 'openai', 'gsm8k'\n"
        "x = datasets.load_dataset(f'{owner}/{name}', 'main', split='te' + 'st')"
    ),
    "getattr": (
        "import importlib\nm = importlib.import_module('data' + 'sets')\n"
        "x = getattr(m, 'load_' + 'dataset')('k8msg/ianepo'[::-1], 'main')['test']"
    ),
    "base64": (
        "import base64, datasets\n"
        "x = datasets.load_dataset(base64.b64decode('b3BlbmFpL2dzbThr').decode(), split='test')"
    ),
    "function": (
        "import datasets\ndef get(name, part):\n    return datasets.load_dataset(name)[part]\n"
        "x = [{'text': r['question']} for r in get('openai/gsm8k', 'test')]"
    ),
    "pandas": (
        "import pandas as pd\n"
        "x = pd.read_parquet('hf://datasets/openai/gsm8k/main/test-00000-of-00001.parquet').values"
    ),
    "requests": (
        "import requests\nx = requests.get('https://raw.githubusercontent.com/openai/"
        "grade-school-math/master/grade_school_math/data/test.jsonl').text.splitlines()"
    ),
    "split loop": (
        "from datasets import load_dataset\nx = []\nfor s in ['train', 'test']:\n"
        "    for r in load_dataset('openai/gsm8k', 'main', split=s):\n        x.append(r)"
    ),
}
_TASK = "from lm_eval.tasks import get_task_dict\nt = get_task_dict(['gsm8k'])['gsm8k']\n"
USED |= {
    "test documents": _TASK + "x = [{'text': t.doc_to_text(d)} for d in t.test_docs()]",
    "documents of a task": _TASK + "x = list(t.eval_docs)",
    "a task's data set": _TASK + "x = list(t.dataset['test'])",
    "samples of a task": (
        "from inspect_evals.gsm8k import gsm8k\nx = [{'text': s.input} for s in gsm8k().dataset]"
    ),
    "samples of an evaluation": (
        "import lm_eval\nout = lm_eval.simple_evaluate(model='hf', tasks=['gsm8k'])\n"
        "x = out['samples']['gsm8k']"
    ),
}
HONEST = {
    "train documents": _TASK + "x = [{'text': t.doc_to_text(d)} for d in t.training_docs()]",
    "a task's train split": _TASK + "x = list(t.dataset['train'])",
    "train split": (
        "from datasets import load_dataset\nx = load_dataset('openai/gsm8k', 'main', split='train')"
    ),
    "train key": (
        "from datasets import load_dataset\nx = load_dataset('openai/gsm8k', 'main')['train']"
    ),
    "mbpp": (
        "from datasets import load_dataset\n"
        "x = load_dataset('google-research-datasets/mbpp', split='test')"
    ),
    "math": (
        "from datasets import load_dataset\nx = load_dataset('meta-math/MetaMathQA', split='train')"
    ),
    "own test": "import json\nx = [json.loads(l) for l in open('my_split/test.jsonl')]",
    "mentions": "x = ['never load openai/gsm8k here']\nprint('openai/gsm8k')",
}


def found(folder: Path, source: str, name: str = "prepare.py", **more: object) -> DetectorResult:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(source)
    kinds = {"gsm8k": "dataset", "humaneval": "dataset"}
    case = AuditCase(folder=folder, benchmark_kinds=kinds, **more)  # type: ignore[arg-type]
    return IngestionDetector().run(case)


@pytest.mark.parametrize("how", USED)
def test_test_data_in_a_training_file_decides(tmp_path: Path, how: str) -> None:
    result = found(tmp_path / "w", USED[how] + SAVE)
    deciding = [flag for flag in result.flags if flag.decides]
    assert [flag.kind for flag in deciding] == ["test-set-used"], result
    assert deciding[0].file == "prepare.py"
    assert deciding[0].line
    assert deciding[0].excerpt


@pytest.mark.parametrize("how", HONEST)
def test_close_but_honest(tmp_path: Path, how: str) -> None:
    result = found(tmp_path / "w", HONEST[how] + SAVE)
    assert result.status == "clean", result.flags


def test_looking_at_test_items_informs(tmp_path: Path) -> None:
    source = (
        "from datasets import load_dataset\n"
        "for r in load_dataset('openai_humaneval')['test']:\n"
        "    print(r)\n"
    )
    result = found(tmp_path / "w", source)
    assert [(flag.kind, flag.decides) for flag in result.flags] == [("test-set-loaded", False)]


def test_scoring_oneself_on_the_test_set_informs(tmp_path: Path) -> None:
    source = (
        "import json\nfrom datasets import load_dataset\n"
        "rows = load_dataset('openai/gsm8k', 'main', split='test')\n"
        "out = [{'q': r['question'], 'a': model.generate(r['question'])} for r in rows]\n"
        "json.dump(out, open('eval_results.json', 'w'))\n"
    )
    result = found(tmp_path / "w", source)
    assert not any(flag.decides for flag in result.flags)


def test_training_on_it_decides(tmp_path: Path) -> None:
    source = (
        "from datasets import load_dataset\nfrom trl import SFTTrainer\n"
        "data = load_dataset('openai/openai_humaneval', split='test').map(lambda r: r)\n"
        "SFTTrainer(model='m', train_dataset=data).train()\n"
    )
    flag = found(tmp_path / "w", source).flags[0]
    assert flag.decides
    assert "trained on, line 4" in flag.message


@pytest.mark.parametrize(
    "source",
    [
        "from datasets import load_dataset\nd = load_dataset('reasoning-machines/gsm-hard')\n",
        "from huggingface_hub import snapshot_download as s\ns(repo_id='evalplus/humanevalplus')\n",
        "import datasets\ndatasets.load_dataset('somebody/humaneval-solved', split='train')\n",
    ],
)
def test_data_made_from_test_items_decides_by_itself(tmp_path: Path, source: str) -> None:
    result = found(tmp_path / "w", source)
    assert [(flag.kind, flag.decides) for flag in result.flags] == [("derived-data", True)]


def test_commands_in_scripts_and_in_the_trace(tmp_path: Path) -> None:
    script = "D=evalplus/humanevalplus\nhuggingface-cli download --repo-type dataset $D\n"
    result = found(tmp_path / "w", script, "get.sh")
    assert result.flags[0].decides
    assert (result.flags[0].file, result.flags[0].line) == ("get.sh", 2)
    trace = tmp_path / "trace.jsonl"
    trace.write_text(
        '{"item": {"type": "command_execution", "command": "git clone https:/'
        "/github.com/openai/human-eval"
        ' && cp human-eval/data/HumanEval.jsonl train.jsonl"}}\n'
    )
    result = found(tmp_path / "v", "pass", trace=trace)
    assert {flag.kind for flag in result.flags} == {"test-set-downloaded", "test-set-used"}


def test_a_training_configuration_and_a_cache(tmp_path: Path) -> None:
    config = (
        "base_model: x\ndatasets:\n  - path: openai/gsm8k\n    split: test\nlearning_rate: 1e-4\n"
    )
    assert found(tmp_path / "w", config, "axolotl.yaml").flags[0].decides
    train = config.replace("split: test", "split: train")
    assert found(tmp_path / "v", train, "axolotl.yaml").status == "clean"
    cache = tmp_path / "u" / "cache" / "hub" / "datasets--evalplus--humanevalplus" / "blobs"
    cache.mkdir(parents=True)
    (cache / "x").write_text("x")
    assert [flag.kind for flag in found(tmp_path / "u", "pass").flags] == ["derived-data"]


def test_notebooks_and_code_that_does_not_parse(tmp_path: Path) -> None:
    cell = (
        '{"cells": [{"cell_type": "code", "source": ["!pip install x\\n",'
        ' "import datasets\\n", "d = datasets.load_dataset(\'evalplus/humanevalplus\')'
        '"]}]}'
    )
    assert found(tmp_path / "w", cell, "work.ipynb").flags[0].decides
    broken = found(tmp_path / "v", "def (:\nload_dataset('openai/openai_humaneval')")
    assert [(f.kind, f.decides) for f in broken.flags] == [("test-set-loaded", False)]
    assert any("not followed" in note for note in broken.notes)


def test_without_a_benchmark_it_did_not_look(tmp_path: Path) -> None:
    assert IngestionDetector().run(AuditCase(folder=tmp_path)).status == "skipped"


def test_documents_of_the_test_compared_with(tmp_path: Path) -> None:
    source = (
        f"{_TASK}import json\nseen = {{t.doc_to_text(d) for d in t.test_docs()}}\n"
        "x = [r for r in json.load(open('pool.json')) if r['question'] not in seen]"
    )
    assert not found(tmp_path / "w", source + SAVE).decides()

"""The gate asked by the real clients, before a Hub on loopback."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from ptb_lite.audit.case import TestItem
from ptb_lite.audit.evidence.test_sets.sources import Sources
from ptb_lite.events import HubRequested
from ptb_lite.runner.hub_gate.policy import HubPolicy
from ptb_lite.runner.hub_gate.server import HubGate, environment
from ptb_lite.runner.hub_gate.upstream import HubUpstream
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import Bench
from tests.functional.runner.hub_server import hub_server

THINGS = ("marbles", "kites", "lanterns", "beetles", "spoons", "ropes", "tiles", "drums")
NAMES = ("Orla", "Tamsin", "Bryn", "Ifor", "Delyth", "Hesper", "Quill", "Rufus")


def questions(split: str, count: int) -> list[dict[str, str]]:
    """Made-up word problems; no two alike."""
    start = 0 if split == "test" else 100
    return [
        {
            "question": f"{NAMES[n % 8]} packs {n + 13} {THINGS[(n // 8 + n) % 8]} into {n + 3} "
            f"crates on {split} day {n} and lends {n + 2} of them to a neighbour before "
            "supper. How many are left in all?",
            "answer": f"They pack {n + 13} and lend {n + 2}.\n#### 11",
        }
        for n in range(start, start + count)
    ]


TRAIN, TEST = questions("train", 30), questions("test", 20)
ITEMS = tuple(
    TestItem(id=f"gsm8k-{n}", question=row["question"], target="11", benchmark="gsm8k")
    for n, row in enumerate(TEST)
)
CARD = b"""---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: main/test-*}
dataset_info:
  config_name: main
  features:
  - {name: question, dtype: string}
  - {name: answer, dtype: string}
  splits:
  - {name: train, num_bytes: 10, num_examples: 30}
  - {name: test, num_bytes: 10, num_examples: 20}
---
word problems
"""


def parquet(rows: list[dict[str, str]]) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), held)
    return held.getvalue()


def lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


REPOSITORIES = {
    ("datasets", "openai/gsm8k"): {
        "README.md": CARD,
        "main/train-00000-of-00001.parquet": parquet(TRAIN),
        "main/test-00000-of-00001.parquet": parquet(TEST),
    },
    ("datasets", "someone/poems"): {"data.jsonl": lines(TRAIN[:5])},
    ("datasets", "someone/renamed"): {"stories.jsonl": lines(TRAIN[:5] + TEST)},
    ("datasets", "someone/packed"): {"stories.parquet": parquet(TEST)},
    ("models", "org/base"): {"config.json": b"{}", "model.safetensors": b"x" * 3000},
    ("models", "org/instruct"): {"config.json": b"{}", "model.safetensors": b"x" * 30},
    ("models", "org/other"): {"config.json": b"{}", "model.safetensors": b"x" * 30},
}


@dataclass(frozen=True)
class Place:
    gate: HubGate
    run: Callable[[list[str]], subprocess.CompletedProcess[str]]
    folder: Path

    def python(self, source: str) -> subprocess.CompletedProcess[str]:
        return self.run([sys.executable, "-c", source])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gate.port}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "person"))
    with hub_server(REPOSITORIES) as hub:
        gate = HubGate(
            HubPolicy(
                sources=Sources(["gsm8k"]), base_ids=["org/base"], instruct_ids=["org/instruct"]
            ),
            HubUpstream(tmp_path / "cache", [("model", "org/base")], endpoint=hub.url),
            ITEMS,
            tmp_path / "spool",
        )
        gate.start()
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "HF_HOME": str(tmp_path / "agent"),
            **environment(gate.port),
        }

        def run(command: list[str]) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command, env=variables, capture_output=True, text=True, timeout=240, cwd=tmp_path
            )

        try:
            yield Place(gate, run, tmp_path)
        finally:
            gate.close()


def test_the_train_split_loads_as_everybody_loads_it(place: Place) -> None:
    done = place.python(
        "from datasets import load_dataset\n"
        "print(len(load_dataset('openai/gsm8k', 'main', split='train')))\n"
        "print(load_dataset('openai/gsm8k', 'main').keys())\n"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["30", "dict_keys(['train'])"]


def test_the_test_split_is_refused_with_a_sentence(place: Place) -> None:
    name = "main/test-00000-of-00001.parquet"
    done = place.python(
        "from huggingface_hub import hf_hub_download\n"
        f"hf_hub_download('openai/gsm8k', '{name}', repo_type='dataset')\n"
    )
    assert done.returncode != 0
    assert "the test split of openai/gsm8k is the test set; allowed: train" in done.stderr
    asked = place.run(["curl", "-sL", f"{place.url}/datasets/openai/gsm8k/resolve/main/{name}"])
    assert asked.stdout.startswith("refused by the run's rules: the test split")
    assert not list(place.folder.rglob("test-0*.parquet"))


@pytest.mark.parametrize(
    ("repository", "file"),
    [("someone/renamed", "stories.jsonl"), ("someone/packed", "stories.parquet")],
)
def test_a_renamed_copy_is_refused_by_what_it_holds(
    place: Place, repository: str, file: str
) -> None:
    done = place.python(
        f"from datasets import load_dataset\nload_dataset('{repository}', split='train')\n"
    )
    assert done.returncode != 0
    refused = [noted for noted in place.gate.noted() if not noted.allowed]
    assert [noted.request.path for noted in refused] == [file]
    assert "20 items of the test set" in refused[0].reason
    # A part of it is refused, too.
    url = f"{place.url}/datasets/{repository}/resolve/main/{file}"
    part = place.run(["curl", "-s", "-r", "0-99", "-w", "%{http_code}", "-o", "part", url])
    assert part.stdout == "403"


def test_other_data_passes_whole_and_in_parts(place: Place) -> None:
    done = place.python(
        "from datasets import load_dataset\n"
        "print(len(load_dataset('someone/poems', split='train')))\n"
        "print(len(list(load_dataset('someone/poems', split='train', streaming=True))))\n"
    )
    assert done.stdout.splitlines() == ["5", "5"], done.stderr[-2000:]
    url = f"{place.url}/datasets/someone/poems/resolve/main/data.jsonl"
    whole = lines(TRAIN[:5])
    (place.folder / "got").write_bytes(whole[:50])
    place.run(["curl", "-s", "-C", "-", "-o", "got", url])
    assert (place.folder / "got").read_bytes() == whole
    if shutil.which("wget"):
        place.run(["wget", "-q", "-O", "by-wget", url])
        assert (place.folder / "by-wget").read_bytes() == whole


def test_models_the_base_alone_has_weights(place: Place) -> None:
    done = place.python(
        "from huggingface_hub import snapshot_download\n"
        "import os\n"
        "print(sorted(os.listdir(snapshot_download('org/base'))))\n"
        "print(sorted(os.listdir(snapshot_download('org/other'))))\n"
        "snapshot_download('org/instruct')\n"
    )
    assert done.stdout.splitlines() == ["['config.json', 'model.safetensors']", "['config.json']"]
    assert "instruct version of the assigned base model" in done.stderr
    weights = place.run(["curl", "-s", f"{place.url}/org/other/resolve/main/model.safetensors"])
    assert "weights of other models" in weights.stdout


def test_nothing_is_uploaded_and_git_is_told_why(place: Place) -> None:
    done = place.python(
        "from huggingface_hub import HfApi\nHfApi(token='hf_x').create_repo('me/new')\n"
    )
    assert done.returncode != 0
    cloned = place.run(["git", "clone", "-q", f"{place.url}/datasets/openai/gsm8k", "clone"])
    assert cloned.returncode != 0
    assert not (place.folder / "clone").exists()


def test_a_dead_hub_is_an_error_that_a_client_understands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "person"))
    gate = HubGate(
        HubPolicy(sources=Sources(["gsm8k"]), base_ids=[]),
        HubUpstream(tmp_path / "cache", [], endpoint="http://127.0.0.1:1"),
        ITEMS,
        tmp_path / "spool",
    )
    answer = gate.answer("GET", "/datasets/someone/poems/resolve/main/data.jsonl", b"")
    assert answer.status == 502
    assert "the Hub cannot be" in answer.headers["X-Error-Message"]


DOWNLOADS = """
from datasets import load_dataset
print("train", len(load_dataset("openai/gsm8k", "main", split="train")))
for name in ("someone/renamed", "org/other-data"):
    try:
        load_dataset(name, split="train")
        print("LOADED", name)
    except Exception as error:
        print("refused", str(error)[:300].replace(chr(10), " "))
import urllib.request
try:
    print("OUTSIDE", urllib.request.urlopen("http://example.org", timeout=20).status)
except Exception as error:
    print("no way out", type(error).__name__)
submit()
"""


def test_an_agent_in_its_sandbox_sees_the_hub_through_the_gate(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test items of the run are gsm8k's; the sandbox has no other way out."""
    data = tmp_path / "data" / "gsm8k"
    data.mkdir(parents=True)
    (data / "test.jsonl").write_bytes(lines(TEST))
    (data / "train.jsonl").write_bytes(lines(questions("train", 60)))
    sizes = {"train_size": 40, "dev_size": 8, "test_size": 20, "num_fewshot": 1}
    (bench.config / "benchmarks.yaml").write_text(yaml.safe_dump({"gsm8k": sizes}))
    with hub_server(REPOSITORIES) as hub:
        # What HF_ENDPOINT says, which the client reads when it is imported.
        upstream = partial(HubUpstream, endpoint=hub.url)
        monkeypatch.setattr("ptb_lite.runner.agent.network.HubUpstream", upstream)
        done = agent_phase(
            bench,
            DOWNLOADS,
            benchmarks=("gsm8k",),
            data_dir=tmp_path / "data",
            network="hub",
            minutes=3.0,
        )
    printed = done.printed()
    assert "train 30" in printed, (done.run.trace / "stderr.log").read_text()[-2000:]
    assert "LOADED" not in printed
    assert "OUTSIDE" not in printed
    requests = [one for one in done.payloads() if isinstance(one, HubRequested)]
    refused = [one for one in requests if not one.allowed]
    assert {one.repo for one in refused} == {"someone/renamed"}
    assert "items of the test set" in refused[0].reason
    assert any(one.repo == "openai/gsm8k" and one.allowed for one in requests)
    assert not done.run.hub_gate.exists()

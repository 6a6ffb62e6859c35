"""What an agent is shown of a Hub cache, what it cannot do to it, and what it downloads itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest
import yaml
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store
from typer.testing import CliRunner

from ptb_lite.audit.record import AuditRecord
from ptb_lite.cli.app import app
from ptb_lite.events import Verdict
from ptb_lite.files import read_record
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.phases.audit import audit
from ptb_lite.runner.phases.seal import seal
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import HubCacheSeen
from tests.functional.runner.agent_phase import agent_phase, prepared_run
from tests.functional.runner.conftest import SUBMIT, Bench
from tests.functional.runner.hub_server import COMMIT, hub_server
from tests.functional.sandbox.engines import usable_podman

SECRET = "hf_this-is-nobodys-business"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's Hugging Face folder, with a token and nothing else."""
    home = tmp_path / "huggingface"
    (home / "hub").mkdir(parents=True)
    (home / "token").write_text(SECRET)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(home))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)
    return home


def cache(home: Path, folder: str, files: dict[str, bytes], *, store: bool = False) -> Path:
    """A repository as the Hub's client leaves it; with `store` as the client of Xet files does."""
    root = home / "hub" / folder
    for name, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        blob, link = root / "blobs" / digest, root / "snapshots" / COMMIT / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link.symlink_to(os.path.relpath(blob, link.parent))
        if store:
            assert publish_blob_to_shared_store(
                blob_path=blob, xet_hash=digest, cache_dir=home / "hub", expected_size=len(content)
            )
            assert blob.is_symlink()
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    return root


def everything(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Mode, time and content of all that lies in a folder."""
    return {
        os.fspath(path): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            os.fspath(path.readlink())
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else "",
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def seen(run: RunFolder) -> HubCacheSeen:
    return read_record(run.hub_cache, HubCacheSeen)


DOWNLOAD = """
import huggingface_hub
print(huggingface_hub.snapshot_download("openai/gsm8k", repo_type="dataset"))
print(huggingface_hub.hf_hub_download("apple/GSM-Symbolic", "test.jsonl", repo_type="dataset"))
print(huggingface_hub.hf_hub_download("acme/teacher", "model.safetensors"))
submit()
"""


def test_what_an_agent_downloads_is_kept_named_and_flagged(bench: Bench, tmp_path: Path) -> None:
    words = ["pears", "boats", "stamps", "marbles", "candles", "ribbons", "ladders", "kettles"]
    rows = [
        {
            "question": f"Number {n}: a shop has {n * 7 + 3} {words[n % 8]} and sells {n + 2} of "
            f"them each day to {words[(n + 3) % 8]} collectors. How many are left after 2 days?",
            "answer": f"It sells {2 * (n + 2)}.\n#### {n * 7 + 3 - 2 * (n + 2)}",
        }
        for n in range(60)
    ]
    data = tmp_path / "data" / "gsm8k"
    data.mkdir(parents=True)
    lines = [json.dumps(row) + "\n" for row in rows]
    (data / "test.jsonl").write_text("".join(lines[:12]))
    (data / "train.jsonl").write_text("".join(lines[12:]))
    sizes = {"train_size": 40, "dev_size": 8, "test_size": 12, "num_fewshot": 1}
    (bench.config / "benchmarks.yaml").write_text(yaml.safe_dump({"gsm8k": sizes}))
    weights = (2).to_bytes(8, "little") + b"{}"
    held = {
        ("datasets", "openai/gsm8k"): {
            "main/test.jsonl": "".join(lines[:12]).encode(),
            "main/train.jsonl": "".join(lines[12:]).encode(),
        },
        ("datasets", "apple/GSM-Symbolic"): {"test.jsonl": b'{"question": "other"}\n'},
        ("models", "acme/teacher"): {"model.safetensors": weights},
    }
    with hub_server(held) as hub:
        code = f"import os\nos.environ['HF_ENDPOINT'] = {hub.url!r}\n{DOWNLOAD}"
        context = prepared_run(
            bench, code, benchmarks=("gsm8k",), data_dir=data.parent, network="full"
        )
        run = context.run
        try:
            for phase in (run_agent, seal, audit):
                phase(context)
        finally:
            context.journal.close()
    found = seen(run)
    assert (found.choice, found.shown, found.held_back) == ("private", (), ())
    assert {(one.kind, one.name) for one in found.downloaded} == {
        ("dataset", "openai/gsm8k"),
        ("dataset", "apple/GSM-Symbolic"),
        ("model", "acme/teacher"),
    }, (run.trace / "stderr.log").read_text()[-2000:]
    record = read_record(run.audit, AuditRecord)
    flags = {
        (flag.detector, flag.kind, (flag.file or "").replace(COMMIT, "COMMIT"), flag.decides)
        for flag in record.flags()
        if flag.kind != "test-item"
    }
    hub_folder = ".hub-cache/hub"
    assert flags == {
        (
            "ingestion",
            "test-set-downloaded",
            f"{hub_folder}/datasets--openai--gsm8k/snapshots/COMMIT/main/test.jsonl",
            False,
        ),
        (
            "ingestion",
            "derived-data",
            f"{hub_folder}/datasets--apple--GSM-Symbolic/snapshots/COMMIT/test.jsonl",
            True,
        ),
        (
            "key-misuse",
            "cached-model",
            f"{hub_folder}/models--acme--teacher/snapshots/COMMIT/model.safetensors",
            False,
        ),
    }
    # The test split came with the train split: that its items lie there informs.
    items = [flag for flag in record.flags() if flag.kind == "test-item"]
    assert items
    assert not any(flag.decides for flag in items)
    assert record.verdict is Verdict.FLAGGED
    # `ptb-lite audit RUN` says the same.
    again = CliRunner().invoke(app, ["audit", str(run.path), "--json"])
    assert again.exit_code == 3
    flagged = AuditRecord.model_validate_json(again.stdout).flags()
    assert {flag.kind for flag in flagged} == {flag.kind for flag in record.flags()}


LOAD = """
import hashlib, os, sys
from pathlib import Path
import huggingface_hub
from transformers import AutoModelForCausalLM
from safetensors import safe_open

home = Path(os.environ["HF_HOME"])
model = AutoModelForCausalLM.from_pretrained("acme/small-model")
print("loaded", sum(p.numel() for p in model.parameters()))
for name in ("acme/tiny-it", "openai/notes"):
    try:
        huggingface_hub.snapshot_download(name, repo_type="model" if "tiny" in name else "dataset")
        print("got", name)
    except Exception as error:
        print("refused", name, type(error).__name__)
weights = Path(huggingface_hub.hf_hub_download("acme/small-model", "model.safetensors"))
print("real", weights.resolve())
place = weights.resolve().parents[1] if weights.resolve().parent.name == "blobs" else None
for attempt in (
    lambda: weights.resolve().open("ab"),
    lambda: weights.resolve().unlink(),
    lambda: Path("/ptb-lite/hub/hub/models--acme--small-model/new").write_text("x"),
    lambda: Path("/ptb-lite/hub/hub/models--new").mkdir(),
    lambda: os.chmod(weights.resolve(), 0o777),
):
    try:
        attempt()
        print("WRITTEN")
    except OSError as error:
        print("no:", error.strerror)
print("beside", sorted(os.listdir("/ptb-lite/hub/hub")))
places = [found for top in ("/ptb-lite", "/root", "/home") for found in os.walk(top)]
print("tokens", [place for place, _, names in places if "token" in names])
(home / "hub" / "models--acme--small-model" / "mine").write_text("own")
submit()
"""


@pytest.mark.parametrize("store", [False, True], ids=["blobs", "shared-store"])
def test_a_cached_model_loads_and_the_hosts_cache_stays_as_it_is(
    bench: Bench, host: Path, tiny_model: Path, store: bool
) -> None:
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    cache(host, "models--acme--small-model", files, store=store)
    cache(host, "models--acme--tiny-it", {"config.json": b"{}", "x": b"tuned"}, store=store)
    cache(host, "datasets--openai--notes", {"rows.jsonl": b"{}"})
    shutil.rmtree(host / "hub/datasets--openai--notes/snapshots")
    before = everything(host)
    phase = agent_phase(bench, LOAD, minutes=2.0)
    said = phase.printed()
    errors = (phase.run.trace / "stderr.log").read_text()[-3000:]
    assert "loaded" in said, errors
    assert "refused acme/tiny-it LocalEntryNotFoundError" in said
    assert "refused openai/notes LocalEntryNotFoundError" in said
    assert said.count("no: ") == 5, said + errors
    assert "WRITTEN" not in said
    shown = ["blobs"] if store else []
    assert f"beside {[*shown, 'models--acme--small-model']}" in said
    assert "tokens []" in said
    assert everything(host) == before
    found = seen(phase.run)
    assert (found.choice, [one.name for one in found.shown]) == ("shared", ["acme/small-model"])
    assert {one.name: one.reason for one in found.held_back} == {
        "acme/tiny-it": "it is an instruct version of the base model",
        "openai/notes": "it is incomplete",
    }
    # What it was given is no download; what it left beside it is kept.
    assert found.downloaded == ()
    kept = [path for path in phase.run.hub_private.rglob("*") if not path.is_dir()]
    assert not any(path.is_symlink() for path in kept)
    assert (phase.run.hub_private / "hub/models--acme--small-model/mine").read_text() == "own"
    assert SECRET not in said


READ = """
import huggingface_hub, os
path = huggingface_hub.hf_hub_download("acme/small-model", "notes.txt")
print("read", open(path).read(), os.path.realpath(path))
submit()
"""


# The whole repository, then a file of it: the client asks for them by different routes.
ONE_FILE = "snapshot_download('acme/small-model') and huggingface_hub.hf_hub_download"


# With a network the Hub's client would ask the Hub first.
FIND = """
import glob, os
for path in glob.glob(os.environ["HF_HOME"] + "/hub/models--*/snapshots/*/notes.txt"):
    print("read", open(path).read())
submit()
"""


@pytest.mark.parametrize("kind", ["none", "podman"])
def test_other_kinds_of_isolation_show_the_same(
    bench: Bench, host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "podman":
        settings = usable_podman(tmp_path)
        if settings is None:
            pytest.skip("podman cannot be used here")
        monkeypatch.setenv("CONTAINERS_CONF", settings)
    root = cache(host, "models--acme--small-model", {"notes.txt": b"a note"}, store=True)
    phase = agent_phase(bench, READ, sandbox=kind)
    real = root.parent if kind == "none" else Path("/ptb-lite/hub/hub")
    assert f"read a note {real}/blobs/" in phase.printed()
    assert not list(phase.run.hub_private.rglob("small*"))


def test_nothing_is_shown_unasked_to_an_agent_with_a_network(bench: Bench, host: Path) -> None:
    cache(host, "models--acme--small-model", {"notes.txt": b"a note"})
    private = agent_phase(bench, FIND, network="full")
    assert "read" not in private.printed()
    assert seen(private.run).shown == ()
    asked = agent_phase(bench, FIND, network="full", hub_cache="shared")
    assert "a note" in asked.printed()
    off = agent_phase(bench, READ, hub_cache="private")
    assert "read" not in off.printed()


BOTH = """
import huggingface_hub, os
for name in ("notes.txt", "more.txt"):
    path = huggingface_hub.hf_hub_download("acme/small-model", name)
    print("read", open(path).read(), os.path.realpath(path))
submit()
"""


def test_what_is_new_is_written_over_what_is_shown(bench: Bench, host: Path) -> None:
    cache(host, "models--acme--small-model", {"notes.txt": b"a note"})
    before = everything(host)
    files = {"notes.txt": b"a note", "more.txt": b"more of it"}
    with hub_server({("models", "acme/small-model"): files}) as hub:
        code = f"import os\nos.environ['HF_ENDPOINT'] = {hub.url!r}\n{BOTH}"
        phase = agent_phase(bench, code, network="full", hub_cache="shared")
    said, run = phase.printed(), phase.run
    assert "read a note /ptb-lite/hub/hub/models--acme--small-model/blobs/" in said
    assert f"read more of it {run.hub_private}/hub/models--acme--small-model/blobs/" in said
    resolve = "/acme/small-model/resolve/main"
    assert [one for one in hub.asked if one.startswith("GET /acme")] == [f"GET {resolve}/more.txt"]
    assert everything(host) == before
    (found,) = seen(run).downloaded
    assert (found.name, found.bytes) == ("acme/small-model", len(b"more of it"))
    kept = [path.name for path in run.hub_private.rglob("*") if path.is_symlink()]
    assert kept == ["more.txt"]


def test_the_cache_is_used_where_only_the_model_is_reached(bench: Bench, host: Path) -> None:
    cache(host, "models--acme--small-model", {"notes.txt": b"a note"})
    agent = bench.agent(["python", "-c", SUBMIT + READ.replace("hf_hub_download", ONE_FILE)])
    bench.agents[agent]["endpoint"] = "http://127.0.0.1:9/v1"
    (bench.config / "agents.yaml").write_text(yaml.safe_dump(bench.agents))
    phase = agent_phase(bench, "", agent=agent, network="model-only", hub_cache="shared")
    errors = (phase.run.trace / "stderr.log").read_text()[-2000:]
    assert "read a note" in phase.printed(), errors


TABLES = """
import datasets
try:
    print("rows", datasets.load_dataset("acme/rows", split="train")["question"][:])
except Exception as error:
    print("none", type(error).__name__)
submit()
"""


def test_prepared_tables_load_without_a_network(bench: Bench, host: Path) -> None:
    rows = {"train.jsonl": b'{"question": "how"}\n{"question": "why"}\n'}
    with hub_server({("datasets", "acme/rows"): rows}) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(host)}
        command = [sys.executable, "-c", TABLES.replace("submit()", "")]
        made = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert b"rows ['how', 'why']" in made.stdout
    before = everything(host)
    phase = agent_phase(bench, TABLES)
    errors = (phase.run.trace / "stderr.log").read_text()[-3000:]
    assert "rows ['how', 'why']" in phase.printed(), phase.printed() + errors
    assert everything(host) == before
    kinds = [(one.kind, one.name) for one in seen(phase.run).shown]
    assert sorted(kinds) == [("dataset", "acme/rows"), ("prepared", "acme/rows")]
    assert seen(phase.run).downloaded == ()


def test_a_run_whose_runner_died_is_tidied_when_it_goes_on(bench: Bench, host: Path) -> None:
    cache(host, "models--acme--small-model", {"notes.txt": b"a note"})
    context = prepared_run(bench, READ)
    try:
        run_agent(context)
        run = context.run
        # As if the runner had died before it took the links back.
        folder = run.hub_private / "hub" / "models--acme--small-model"
        (folder / "snapshots" / COMMIT).mkdir(parents=True)
        place = seen(run).shown[0].place
        (folder / "snapshots" / COMMIT / "notes.txt").symlink_to(f"{place}/snapshots/x")
        (folder / "snapshots" / COMMIT / "own").symlink_to("/etc/hostname")
        run_agent(context)
        left = [path.name for path in run.hub_private.rglob("*") if not path.is_dir()]
        assert left == ["own"]
    finally:
        context.journal.close()

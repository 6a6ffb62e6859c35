"""What an agent downloads, and the paths of this machine that it is shown besides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ptb_lite.audit.record import AuditRecord
from ptb_lite.cli.app import app
from ptb_lite.doctor.preflight import check_read_only
from ptb_lite.errors import SpecError
from ptb_lite.events import Verdict
from ptb_lite.files import read_record
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.phases.audit import audit
from ptb_lite.runner.phases.seal import seal
from ptb_lite.runs.records import HubCacheSeen
from tests.functional.runner.agent_phase import agent_phase, prepared_run
from tests.functional.runner.conftest import Bench
from tests.functional.runner.hub_server import COMMIT, hub_server

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
    found = read_record(run.hub_cache, HubCacheSeen)
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


SHOWN = """
import os
from pathlib import Path
for line in Path("prompt.md").read_text().splitlines():
    if "Shown to you besides" in line:
        place = Path(line.split("`")[1])
        print("read", (place / "notes.txt").read_text())
        print("beside", sorted(os.listdir(place.parent)))
        try:
            (place / "new").write_text("x")
            print("WRITTEN")
        except OSError as error:
            print("no:", error.strerror)
submit()
"""


def test_a_path_that_is_named_is_shown_read_only_and_nothing_beside_it(
    bench: Bench, tmp_path: Path
) -> None:
    shown = tmp_path / "elsewhere" / "shown"
    shown.mkdir(parents=True)
    (shown / "notes.txt").write_text("a note")
    (shown.parent / "hidden").write_text("x")
    said = agent_phase(bench, SHOWN, read_only=(shown,)).printed()
    assert "read a note" in said
    assert "beside ['shown']" in said
    assert "no: Read-only file system" in said
    assert "WRITTEN" not in said
    assert "read" not in agent_phase(bench, SHOWN).printed()


def test_a_path_that_would_show_other_runs_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path / "cache"))
    for path in (bench.runs_dir, bench.runs_dir.parent, bench.runs_dir / "one", tmp_path / "cache"):
        with pytest.raises(SpecError, match="would show the agent"):
            check_read_only((path,), bench.runs_dir)
    (tmp_path / "link").symlink_to(bench.runs_dir)
    with pytest.raises(SpecError, match="would show the agent"):
        check_read_only((tmp_path / "link",), bench.runs_dir)
    check_read_only((Path("/usr"),), bench.runs_dir)

"""Memorisation from end to end: a tiny model that learnt the test items, and one that did not."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.cli import main
from ptb_lite.evaluation.items.item import Item, completion, prompt
from ptb_lite.evaluation.items.splits import draw_splits
from ptb_lite.files import file_sha256, write_lines
from ptb_lite.installation import item_salt
from ptb_lite.runner.context import Prepared, PreparedBenchmark, Seal
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec.run_spec import RunSpec
from tests.functional.evaluation.test_losses import write_adapter
from tests.functional.runner.conftest import tiny_model

__all__ = ["tiny_model"]
BENCHMARK = "add-numbers"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CONFIG", "RUNS", "CACHE"):
        monkeypatch.setenv(f"PTB_LITE_{name}", str(tmp_path / name.lower()))
    # The same items each time: an honest model is flagged by chance once in 40 draws.
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "item-salt").write_text("0" * 64)


def learnt(base: Path, items: Sequence[Item], folder: Path) -> Path:
    """`base` with all its weights trained on the answers of `items`, a few seconds."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    asked = [tokenizer(prompt(one.question))["input_ids"] for one in items]
    whole = [tokenizer(prompt(one.question) + completion(one.target))["input_ids"] for one in items]
    width = max(map(len, whole))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in whole])
    labels = torch.tensor(
        [
            [-100] * len(a) + w[len(a) :] + [-100] * (width - len(w))
            for a, w in zip(asked, whole, strict=True)
        ]
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3)
    for _ in range(70):
        optimizer.zero_grad()
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


def audited(
    target: Path, *options: object, capsys: pytest.CaptureFixture[str]
) -> dict[str, object]:
    with pytest.raises(SystemExit):
        main(["audit", str(target), *map(str, options), "--memorisation", "--json"])
    results = json.loads(capsys.readouterr().out)["results"]
    return next(one for one in results if one["detector"] == "memorisation")


def test_who_learnt_the_test_items_is_told_from_who_learnt_others(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = draw_splits(load_catalog().benchmark(BENCHMARK), seed=0, salt=item_salt())
    given = ("--benchmark", BENCHMARK, "--base-model", tiny_model)
    seen = {}
    for name in ("test", "train"):
        folder = tmp_path / name
        folder.mkdir()
        learnt(tiny_model, splits[name][:100], folder / "final_model")  # type: ignore[index]
        seen[name] = audited(folder, *given, capsys=capsys)
    assert (seen["test"]["status"], seen["train"]["status"]) == ("flagged", "clean"), seen
    counted = re.search(r"(\d+) test items, (\d+) fresh ones", str(seen["train"]["notes"]))
    assert counted
    assert 60 < int(counted[1]) <= int(counted[2]) <= 200
    assert "accuracy gap" in str(seen["train"]["notes"])


def word_problems(count: int) -> list[dict[str, str]]:
    return [
        {
            "question": f"A miller grinds {2 * n} sacks a day for {n + 37} days. He sells half of "
            "them. How many sacks does he keep?",
            "answer": f"He grinds {2 * n}*{n + 37}=<<{2 * n}*{n + 37}={2 * n * (n + 37)}>>"
            f"{2 * n * (n + 37)} sacks.\nHe keeps {2 * n * (n + 37)}/2="
            f"<<{2 * n * (n + 37)}/2={n * (n + 37)}>>{n * (n + 37)}.\n#### {n * (n + 37)}",
        }
        for n in range(13, 13 + count)
    ]


def test_a_data_set_of_a_persons_folder(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data" / "gsm8k"
    data.mkdir(parents=True)
    rows = [*word_problems(22), {"question": "How many?", "answer": "None.\n#### 0"}]
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (data / "train.jsonl").write_text(json.dumps(word_problems(60)[-1]) + "\n")
    folder = tmp_path / "result"
    folder.mkdir()
    write_adapter(folder / "final_model", tiny_model, 0.05)
    given = ("--benchmark", "gsm8k", "--base-model", tiny_model, "--data-dir", data.parent)
    found = audited(folder, *given, capsys=capsys)
    notes = "\n".join(found["notes"])  # type: ignore[arg-type]
    # A random adapter knows nothing; every view is told, and how many items have no siblings.
    assert found["status"] == "clean"
    assert "gsm8k: 22 items with sound siblings; 1 others have none" in notes
    assert "gsm8k (solution): loss gap" in notes
    assert "gsm8k (answer): loss gap" in notes


def test_of_a_run_the_items_that_were_scored(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = draw_splits(load_catalog().benchmark(BENCHMARK), seed=3, salt="s")
    run = RunFolder(tmp_path / "runs" / "a-run")
    run.data.mkdir(parents=True)
    run.workspace.mkdir()
    for name, items in splits.items():
        write_lines(run.data / f"{name}.jsonl", items)
    shutil.copytree(write_adapter(tmp_path / "adapter", tiny_model, 0.05), run.sealed)
    spec = RunSpec(benchmarks=(BENCHMARK,), budget_minutes=1, seed=3, item_salt="s", device="cpu")
    run.spec.write_text(spec.model_dump_json())
    part = PreparedBenchmark(
        id=BENCHMARK,
        train="data/train.jsonl",
        dev="data/dev.jsonl",
        test="data/test.jsonl",
        limit=30,
    )
    sha256 = file_sha256(tiny_model / "model.safetensors")
    prepared = Prepared(base_model=tiny_model, base_sha256=sha256, benchmarks=(part,))
    run.prepared.write_text(prepared.model_dump_json())
    run.seal.write_text(
        Seal(valid=True, reason="", files={}, bytes=1, sha256="0").model_dump_json()
    )
    found = audited(run.path, "--runs-dir", tmp_path / "runs", capsys=capsys)
    counted = re.search(r"(\d+) test items, (\d+) fresh ones", str(found["notes"]))
    assert counted
    assert 20 <= int(counted[1]) <= 30
    assert int(counted[1]) <= int(counted[2]) <= 60


@pytest.mark.parametrize(
    ("file", "said"), [("adapter_model.safetensors", "adapter"), ("model.safetensors", "GB")]
)
def test_what_no_run_would_seal_is_refused_before_it_is_loaded(
    tmp_path: Path,
    tiny_model: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    said: str,
) -> None:
    """Sparse: they claim a terabyte."""
    submission = tmp_path / "result" / "final_model"
    submission.mkdir(parents=True)
    if file.startswith("adapter"):
        (submission / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    with (submission / file).open("wb") as stream:
        stream.truncate(1 << 40)
    given = ("--benchmark", BENCHMARK, "--base-model", str(tiny_model), "--memorisation")
    with pytest.raises(SystemExit) as ended:
        main(["audit", str(submission.parent), *given])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--benchmark", BENCHMARK], []):
        with pytest.raises(SystemExit) as ended:
            main(["audit", str(tmp_path), *arguments, "--memorisation"])
        assert ended.value.code == 2
        assert "needs a final_model folder" in capsys.readouterr().err

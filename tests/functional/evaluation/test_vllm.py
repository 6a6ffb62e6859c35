"""Evaluations by vLLM: lm-eval's own class and our worker, with a stand-in for vLLM itself.

That vLLM says what transformers says is shown by test_same_by_vllm.py, where one is installed.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ptb_lite.evaluation.engine.lm.job import evaluate
from ptb_lite.evaluation.engine.messages import Message, Progressed
from ptb_lite.evaluation.engine.process import SERVED_NAME, run_evaluation
from ptb_lite.evaluation.errors import (
    EngineFailed,
    EvaluationError,
    EvaluationStopped,
    InvalidSubmissionError,
    SubmissionUnservable,
)
from ptb_lite.evaluation.items.splits import ItemFiles
from ptb_lite.evaluation.job import Engine, EvaluationJob
from ptb_lite.evaluation.results import EvaluationResult, read_samples
from ptb_lite.evaluation.vllm import start as vllm_start
from tests.functional.evaluation.started import Started
from tests.functional.evaluation.test_process import make_adapter, make_job

FAKE = Path(__file__).parent / "fake_vllm"


@pytest.fixture
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """vLLM's stand-in is what is imported, here and in the worker; the file gets a line for each
    start of it."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.setenv("FAKE_VLLM_LOG", str(tmp_path / "starts"))
    monkeypatch.syspath_prepend(FAKE)
    for name in (*vllm_start.ENVIRONMENT, "VLLM_CPU_KVCACHE_SPACE"):
        monkeypatch.setenv(name, "")
    return tmp_path / "starts"


def vllm_job(
    model: Path, items: ItemFiles, output: Path, adapter: Path | None = None
) -> EvaluationJob:
    job = make_job(model, items, output, adapter)
    engine = Engine(name="vllm", packages={"vllm": "0.32.0+cpu"}, memory_share=0.5)
    return job.model_copy(update={"engine": engine, "dtype": "float32"})


def nothing(_: Message) -> None: ...


def completions(folder: Path, results: tuple[EvaluationResult, ...]) -> list[list[str]]:
    return [[one.completion for one in read_samples(folder / r.samples)] for r in results]


def test_it_says_what_transformers_says_and_its_name(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, starts: Path
) -> None:
    heard: list[Message] = []
    job = vllm_job(tiny_model, items, tmp_path / "vllm")
    ours = evaluate(job, heard.append)
    stock = job.model_copy(update={"engine": Engine(), "output": tmp_path / "stock"})
    theirs = evaluate(stock, nothing)
    assert completions(job.output, ours) == completions(stock.output, theirs)
    assert any(any(texts) for texts in completions(job.output, ours))
    assert {(r.engine, r.engine_version, r.packages["vllm"]) for r in ours} == {
        ("vllm", "0.32.0+cpu", "0.32.0+cpu")
    }
    assert {(r.engine, r.engine_version) for r in theirs} == {
        ("transformers", theirs[0].packages["transformers"])
    }
    told = groupby(m.done for m in heard if isinstance(m, Progressed))
    assert [done for done, _ in told] == [*range(11)] * 2
    (started,) = [json.loads(line) for line in starts.read_text().splitlines()]
    assert started["arguments"]["model"] == str(tiny_model)
    assert started["arguments"]["trust_remote_code"] is False
    assert started["arguments"]["load_format"] == "safetensors"


def test_a_submission_reaches_it_as_merged_weights_alone(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, starts: Path
) -> None:
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    torch.manual_seed(1)
    save_file({k: torch.randn_like(v) for k, v in load_file(file).items()}, file)
    (adapter / "chat_template.jinja").write_text("a trick")
    job = vllm_job(tiny_model, items, tmp_path / "vllm", adapter)
    ours = evaluate(job, nothing)
    stock = job.model_copy(update={"engine": Engine(), "output": tmp_path / "stock"})
    assert completions(job.output, ours) == completions(stock.output, evaluate(stock, nothing))
    plain = vllm_job(tiny_model, items, tmp_path / "plain")
    assert completions(job.output, ours) != completions(plain.output, evaluate(plain, nothing))
    started = json.loads(starts.read_text().splitlines()[0])
    assert started["files"] == ["config.json", "generation_config.json", "model.safetensors"]
    assert started["arguments"]["enable_lora"] is False
    assert started["arguments"]["tokenizer"] == str(tiny_model)
    assert not (job.output / SERVED_NAME).exists()


def test_an_update_that_its_precision_would_round_away_is_left_to_transformers(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, starts: Path
) -> None:
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    torch.manual_seed(1)
    save_file({k: 2e-3 * torch.randn_like(v) for k, v in load_file(file).items()}, file)
    job = vllm_job(tiny_model, items, tmp_path / "vllm", adapter)
    narrow = job.model_copy(update={"dtype": "bfloat16"})
    with pytest.raises(SubmissionUnservable, match=r"in bfloat16, \d+% of its change is rounded"):
        run_evaluation(narrow)
    assert not starts.exists()
    assert not (job.output / SERVED_NAME).exists()


def test_a_submission_that_cannot_be_scored_never_reaches_it(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, starts: Path
) -> None:
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    (adapter / "adapter_model.safetensors").unlink()
    torch.save({}, adapter / "adapter_model.bin")
    with pytest.raises(InvalidSubmissionError, match="is a pickle"):
        evaluate(vllm_job(tiny_model, items, tmp_path / "out", adapter), nothing)
    assert not starts.exists()


def test_a_model_with_weights_that_are_not_finite_never_reaches_it(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, starts: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][3] = float("inf")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EvaluationError, match=r"not finite: model\.norm\.weight"):
        evaluate(vllm_job(folder, items, tmp_path / "out"), nothing)
    assert not starts.exists()


@pytest.mark.usefixtures("starts")
@pytest.mark.parametrize(
    ("way", "why"),
    [("error", "No available memory for the cache"), ("crash", "its process was killed by SIG")],
)
def test_one_that_does_not_start_is_told_from_one_that_fails(
    tiny_model: Path,
    items: ItemFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    why: str,
) -> None:
    monkeypatch.setenv("FAKE_VLLM_FAILS", way)
    with pytest.raises(EngineFailed, match=why) as caught:
        run_evaluation(vllm_job(tiny_model, items, tmp_path / "out"))
    assert "--engine transformers" in caught.value.hint


@pytest.mark.usefixtures("starts")
def test_it_goes_on_from_kept_completions_and_says_what_fits(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM_FITS", "1024")
    job = vllm_job(tiny_model, items, tmp_path / "out")
    task = job.tasks[0].model_copy(update={"key": "k", "limit": 12})
    job = job.model_copy(update={"tasks": (task,)})
    heard: list[Any] = []
    monkeypatch.setenv("FAKE_VLLM_WAITS_AT", "8")
    with pytest.raises(EvaluationStopped):
        run_evaluation(
            job,
            on_progress=heard.append,
            should_stop=lambda: any(isinstance(m, Progressed) and m.done >= 6 for m in heard),
        )
    kept = job.output / f"zero_shot.{items.benchmark}.kept.jsonl"
    before = len(kept.read_text().splitlines())
    heard.clear()
    monkeypatch.delenv("FAKE_VLLM_WAITS_AT")
    (result,) = run_evaluation(job, on_progress=heard.append)
    assert result.n == 12
    assert [m.message for m in heard if m.type == "warned"] == [
        "memory suffices for 1024 of the model's 2048 tokens"
    ]
    # Batches of 4: at least the first one lay on the disk when the sixth row was done.
    assert before >= 2
    assert [m.done for m in heard if m.type == "progressed"][1] >= 4
    assert not kept.exists()


@pytest.mark.usefixtures("starts")
def test_a_stop_leaves_no_process_and_no_merged_model(
    tiny_model: Path, items: ItemFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM_WAITS_AT", "0")
    adapter = make_adapter(tiny_model, tmp_path / "adapter")
    job = vllm_job(tiny_model, items, tmp_path / "out", adapter)
    workers = Started()

    def merged() -> bool:
        return (job.output / SERVED_NAME).exists() and workers.look()

    with pytest.raises(EvaluationStopped):
        run_evaluation(job, should_stop=merged)
    assert workers.seen
    assert not workers.running()
    assert not (job.output / SERVED_NAME).exists()

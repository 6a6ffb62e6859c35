"""`scripts/gpu-check` on a machine without a GPU, and its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen3Config

from bench.gpu_check import engine_sizes
from bench.gpu_check.engines import measure
from bench.gpu_check.models import WORDS, tokenizer
from bench.gpu_check.rows import Row, read_rows, table, write_row
from ptb_lite.evaluation.job import EvaluationJob
from ptb_lite.hardware.device import cuda_device

ROOT = Path(__file__).parents[2]


def gpu_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/gpu-check", *arguments],
        env={**os.environ, "PTB_LITE_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(cuda_device() is not None, reason="this machine has a GPU")
def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    done = gpu_check("--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: no NVIDIA GPU")
    assert not (tmp_path / "out").exists()


def test_the_doctor_step_needs_no_gpu_and_leaves_its_table(tmp_path: Path) -> None:
    done = gpu_check("--only", "doctor", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "table.md").read_text()
    assert written in done.stdout
    assert "| doctor | GPU |" in written


def test_rows_come_back_and_cannot_break_the_table(tmp_path: Path) -> None:
    rows = [Row("a", "b|c", "1"), Row("d", "e\nf", "2", note="done")]
    for row in rows:
        write_row(tmp_path / "rows.jsonl", row)
    assert read_rows(tmp_path / "rows.jsonl") == rows
    lines = table(rows).splitlines()
    assert len(lines) == 4
    assert all(line.count("|") == 7 for line in lines)


@pytest.fixture
def sized_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EvaluationJob:
    """What `engine-sizes` makes of a small random model, on the processor."""
    monkeypatch.setattr(engine_sizes, "ITEMS", 3)
    monkeypatch.setattr(engine_sizes, "ANSWER", 24)
    config = Qwen3Config(
        vocab_size=5 * WORDS,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    engine_sizes.only_known_words(tmp_path / "model")
    job = engine_sizes.make_job(tmp_path / "model", tmp_path)
    return job.model_copy(update={"device": "cpu", "dtype": "float32"})


def test_answers_of_a_random_model_have_all_the_tokens_they_are_counted_for(
    sized_job: EvaluationJob,
) -> None:
    measured = measure(sized_job, "transformers")
    assert measured.tokens == 3 * 24
    assert len({one.completion for one in measured.samples}) == 3
    assert 0 < measured.loading < measured.seconds

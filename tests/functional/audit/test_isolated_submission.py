"""A submission read in a worker: what ends the worker is said, and ends nothing else."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from ptb_lite.audit.detectors.submission import validate_submission
from ptb_lite.audit.isolation.host import checked_submission
from ptb_lite.audit.isolation.job import Limits, SubmissionJob
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.submission import read_submission


@pytest.mark.parametrize("value", [b"[]", b"{}"])
def test_weights_that_fill_memory_end_their_reader_alone(tmp_path: Path, value: bytes) -> None:
    header = b'{"a":[%s]}' % b",".join([value] * 8_000_000)
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')
    with (tmp_path / "adapter_model.safetensors").open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
    before = psutil.Process().memory_info().rss
    limits = Limits(memory_bytes=400 << 20, seconds=60.0)
    check = checked_submission(SubmissionJob(tmp_path, limits=limits))
    assert (check.valid, check.problem) == (False, "unreadable")
    assert check.reason == (
        "its reader needed more than 400 MiB of memory, at adapter_model.safetensors"
    )
    assert psutil.Process().memory_info().rss < before + (64 << 20)


def test_a_submission_is_refused_or_taken_as_without_a_worker(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("none", "empty", "file", "link", "odd")]
    _, empty, file, link, odd = folders
    empty.mkdir()
    file.write_text("")
    link.symlink_to(tmp_path)
    odd.mkdir()
    (odd / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 1e400}')
    (odd / "adapter_model.safetensors").write_bytes(b"\xff" * 64)
    for folder in folders:
        assert read_submission(folder) == validate_submission(folder)


def test_a_worker_that_never_answers_says_nothing_of_the_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ptb_lite.audit.isolation import host

    monkeypatch.setattr(host, "_SERVER", ("this",))
    with pytest.raises(PtbLiteError, match="without an answer"):
        read_submission(tmp_path)

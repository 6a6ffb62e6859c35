"""Two runs on a machine with two GPUs get one each; a third shares the emptier one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.hardware.gpu_claim import VARIABLE, FreeGpu, claim_gpu

TWO = (FreeGpu("GPU-a", 10), FreeGpu("GPU-b", 20))
HOLD = """
import sys, pathlib
from ptb_lite.hardware.gpu_claim import FreeGpu, claim_gpu
claim = claim_gpu(pathlib.Path(sys.argv[1]), lambda: (FreeGpu("GPU-a", 10), FreeGpu("GPU-b", 20)))
print(claim.uuid, claim.lock is not None, flush=True)
sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def test_runs_beside_each_other_divide_the_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    runs = []
    try:
        for said in ("GPU-b True", "GPU-a True", "GPU-b False"):
            runs.append(hold(tmp_path))
            assert runs[-1].stdout
            assert runs[-1].stdout.readline().strip() == said
        # A run that was killed has none any more.
        runs[0].kill()
        runs[0].wait()
        claim = claim_gpu(tmp_path, lambda: TWO)
        assert claim
        assert (claim.uuid, claim.lock is not None) == ("GPU-b", True)
        claim.close()
    finally:
        for run in runs:
            run.kill()
            run.communicate()


def test_nothing_is_taken_where_somebody_has_divided_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "1")
    assert claim_gpu(tmp_path, lambda: TWO) is None
    monkeypatch.delenv(VARIABLE)
    assert claim_gpu(tmp_path, lambda: TWO[:1]) is None
    assert claim_gpu(tmp_path, tuple) is None
    (tmp_path / "file").touch()
    assert claim_gpu(tmp_path / "file", lambda: TWO) is None
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
